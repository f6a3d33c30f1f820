//! What was measured, as a table and a picture.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::wrk::Run;

/// What a ratio should be.
#[derive(Clone, Copy)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
    None,
}

impl Target {
    fn words(self, ratio: f64) -> (String, &'static str) {
        let verdict = |met: bool| if met { "yes" } else { "**no**" };
        match self {
            Self::AtMost(most) => (format!("≤ {most} ×"), verdict(ratio <= most)),
            Self::AtLeast(least) => (format!("≥ {least} ×"), verdict(ratio >= least)),
            Self::None => ("".to_owned(), ""),
        }
    }
}

/// Rows of the table, notes below it, bars of the picture.
#[derive(Default)]
pub struct Report {
    rows: String,
    figures: String,
    notes: String,
    bars: Vec<(String, f64)>,
}

impl Report {
    fn row(&mut self, name: &str, run: Run, ratio: Option<(f64, Target)>) {
        eprintln!("{name}: {run:?}");
        let (ratio, (target, met)) = match ratio {
            Some((ratio, target)) => (format!("{ratio:.2} ×"), target.words(ratio)),
            None => (String::new(), (String::new(), "")),
        };
        let Run { rate, cpu, p50, p99 } = run;
        let _ = writeln!(
            self.rows,
            "| {name} | {cpu:.0} | {rate:.0} | {p50:.2} | {p99:.2} | {ratio} | {target} | {met} |"
        );
        self.bars.push((name.to_owned(), cpu));
    }

    /// A figure that others are compared with.
    pub fn plain(&mut self, name: &str, run: Run) {
        self.row(name, run, None);
    }

    /// Compared by processor time per request.
    pub fn cpu(&mut self, name: &str, run: Run, other: Run, target: Target) {
        self.row(name, run, Some((run.cpu / other.cpu, target)));
    }

    /// Compared by requests a second.
    pub fn rate(&mut self, name: &str, run: Run, other: Run, target: Target) {
        self.row(name, run, Some((run.rate / other.rate, target)));
    }

    /// Compared by time per request.
    pub fn inverse_rate(&mut self, name: &str, run: Run, other: Run, target: Target) {
        self.row(name, run, Some((other.rate / run.rate, target)));
    }

    /// A figure beside another one.
    pub fn figure(&mut self, name: &str, ours: f64, other: f64, what: &str, target: Target) {
        eprintln!("{name}: {ours} ({what}: {other})");
        let (words, met) = target.words(ours / other);
        let _ = writeln!(
            self.figures,
            "| {name} | {ours:.2} | {what}: {other:.2} | {:.2} × | {words} | {met} |",
            ours / other
        );
    }

    /// A figure that has a bound.
    pub fn limit(&mut self, name: &str, ours: f64, most: f64) {
        eprintln!("{name}: {ours} (at most {most})");
        let met = if ours <= most { "yes" } else { "**no**" };
        let _ = writeln!(self.figures, "| {name} | {ours:.1} | | | ≤ {most} | {met} |");
    }

    pub fn note(&mut self, text: &str) {
        eprintln!("{text}");
        let _ = writeln!(self.notes, "- {text}");
    }

    /// Everything, as Markdown.
    pub fn table(&self) -> String {
        format!(
            "| what | µs of processor per request | requests/s | p50 ms | p99 ms | beside | target | met |\n\
             |---|---|---|---|---|---|---|---|\n{}\n| what | measured | beside | ratio | target | met |\n|---|---|---|---|---|---|\n{}\n{}",
            self.rows, self.figures, self.notes
        )
    }

    fn picture(&self) -> String {
        let (height, most) =
            (self.bars.len() * 26 + 10, self.bars.iter().map(|bar| bar.1).fold(1.0, f64::max));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <title>Processor time per request, microseconds, logarithmic</title>\n<rect width=\"900\" height=\"{height}\" fill=\"#fff\"/>\n"
        );
        for (index, (name, cpu)) in self.bars.iter().enumerate() {
            let (y, width) = (index * 26 + 8, cpu.max(1.0).ln() / most.ln() * 380.0);
            let name = name.replace('`', "").replace('&', "&amp;").replace('<', "&lt;");
            let _ = writeln!(
                svg,
                "<text x=\"448\" y=\"{}\" text-anchor=\"end\">{name}</text><rect x=\"456\" y=\"{y}\" width=\"{width:.0}\" height=\"18\" fill=\"#2f5d50\"/><text x=\"{:.0}\" y=\"{}\">{cpu:.0}</text>",
                y + 13,
                462.0 + width,
                y + 13
            );
        }
        svg + "</svg>\n"
    }

    /// Writes docs/PERFORMANCE.md and its picture.
    pub fn write(&self) {
        let text = format!("{}\n{}", include_str!("preface.md").replace("MACHINE", &machine()), self.table());
        std::fs::write(docs().join("PERFORMANCE.md"), text).expect("it is written");
        std::fs::write(docs().join("images/performance.svg"), self.picture()).expect("it is written");
    }

    /// Writes docs/SCALE.md.
    pub fn write_scale(&self) {
        let text = format!(
            "{}| what | µs of processor per request | requests/s | p50 ms | p99 ms | beside | target | met |\n|---|---|---|---|---|---|---|---|\n{}",
            include_str!("scale.md").replace("MACHINE", &machine()),
            self.rows
        );
        std::fs::write(docs().join("SCALE.md"), text).expect("it is written");
    }
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// What was measured on, and with which versions.
fn machine() -> String {
    let said = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        output
            .map(|output| {
                String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned()
            })
            .unwrap_or_default()
    };
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    format!(
        "{}; Linux {}; {}; guestlist {}; {}",
        cpu.trim_start_matches(['\t', ' ', ':']),
        said("uname", &["-r"]),
        said("rustc", &["--version"]),
        env!("CARGO_PKG_VERSION"),
        said("wrk", &["-v"]).split(" Copyright").next().unwrap_or_default(),
    )
}
