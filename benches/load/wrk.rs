//! wrk, the load generator, on the other core.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::{Server, on_core};

/// What a run of the load generator came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    /// Requests a second.
    pub rate: f64,
    /// Processor time of the server per request, in microseconds.
    pub cpu: f64,
    /// Median latency in milliseconds.
    pub p50: f64,
    /// 99th percentile of the latency in milliseconds.
    pub p99: f64,
}

/// What is sent: a body in which `%d` is the number of the request, by one of these tokens after the other.
pub struct Load<'l> {
    pub path: &'l str,
    pub body: String,
    pub tokens: &'l [String],
    pub connections: u32,
    pub seconds: u32,
}

impl Load<'_> {
    fn script(&self) -> String {
        let tokens =
            self.tokens.iter().map(|token| format!("\"Bearer {token}\"")).collect::<Vec<_>>().join(", ");
        let body = serde_json::to_string(&self.body).unwrap_or_default();
        // Numbers go on from run to run: the clock begins them.
        format!(
            "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
             local tokens = {{ {tokens} }}\nlocal body = {body}\nlocal n = os.time() * 1000000\n\
             request = function() n = n + 1; if #tokens > 0 then wrk.headers[\"Authorization\"] = tokens[n % #tokens + 1] end; return wrk.format(nil, nil, nil, (body:gsub(\"%%d\", string.format(\"%d\", n)))) end\n\
             done = function(summary, latency)\n  io.write(string.format('RESULT {{\"requests\":%d,\"micros\":%d,\"p50\":%d,\"p99\":%d,\"errors\":%d}}\\n',\n\
             summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),\n\
             summary.errors.status + summary.errors.read + summary.errors.connect + summary.errors.timeout))\nend\n"
        )
    }

    /// Sends for as long as it was told to.
    pub fn run(&self, server: &Server) -> Run {
        let script = tempfile::NamedTempFile::with_suffix(".lua").expect("a file");
        std::fs::write(script.path(), self.script()).expect("it is written");
        let before = server.cpu();
        let output = self.command(server, script.path()).output().expect("wrk runs");
        let spent = server.cpu() - before;
        let said = String::from_utf8_lossy(&output.stdout);
        let result = said.lines().find_map(|line| line.strip_prefix("RESULT "));
        let result: Value =
            result.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| panic!("{said}"));
        let number = |name: &str| result[name].as_f64().unwrap_or_default();
        assert!(number("errors") == 0.0, "{}: {said}", self.body);
        let requests = number("requests").max(1.0);
        Run {
            rate: requests / (number("micros") / 1e6),
            cpu: spent * 1e6 / requests,
            p50: number("p50") / 1e3,
            p99: number("p99") / 1e3,
        }
    }

    /// The load generator as a command.
    pub fn command(&self, server: &Server, script: &Path) -> Command {
        let mut command = on_core("1", Path::new("wrk"));
        command.args([
            "-t1",
            &format!("-c{}", self.connections),
            &format!("-d{}s", self.seconds),
            "--latency",
            "-s",
        ]);
        command.arg(script).arg(format!("{}{}", server.url, self.path));
        command
    }
}

/// The median of three runs, each figure by itself.
pub fn median(mut once: impl FnMut() -> Run) -> Run {
    let runs = [once(), once(), once()];
    let middle = |figure: fn(&Run) -> f64| {
        let mut values = runs.each_ref().map(figure);
        values.sort_by(f64::total_cmp);
        values[1]
    };
    Run { rate: middle(|r| r.rate), cpu: middle(|r| r.cpu), p50: middle(|r| r.p50), p99: middle(|r| r.p99) }
}
