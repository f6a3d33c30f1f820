//! Traces for a collector that speaks OTLP (OpenTelemetry Protocol 1.x, over HTTP), where the settings name one: a span for each
//! request, and within it the operation, its statements, hashes and turns to write. Nothing that a client wrote gets into them.
//!
//! The standard variables `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*` and
//! `OTEL_EXPORTER_OTLP_HEADERS` mean what they mean elsewhere.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper::HeaderMap;
use hyper_rustls::HttpsConnectorBuilder;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceState, TracerProvider as _};
use opentelemetry_http::{Bytes, HeaderExtractor, HeaderInjector, HttpClient, HttpError};
use opentelemetry_http::{Request, Response, hyper::HyperClient};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::subscriber::Interest;
use tracing::{Instrument as _, Level, Metadata, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

/// Target of the spans that make up a trace. They are of the level `TRACE`, so that they cost nothing where nobody collects them.
const TARGET: &str = "guestlist::trace";
/// Target of the spans that are told as parts of others, and else not.
const STEPS: &str = "guestlist::trace::step";
/// Where SeaORM's spans of statements come from.
pub(super) const STATEMENTS: &str = "sea_orm::database";
/// How long the collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last spans may take to leave when the process ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// Sends spans to a collector.
#[derive(Debug)]
pub struct Exporter {
    provider: SdkTracerProvider,
}

impl Exporter {
    /// An exporter to a collector's base address, such as `http://127.0.0.1:4318`; spans are posted to `/v1/traces` below it.
    /// To be called within a runtime, which sends them.
    ///
    /// # Errors
    /// When a standard variable cannot be understood, or TLS has no certificate authorities to go by.
    pub fn new(collector: &Url) -> Result<Self, Box<dyn Error>> {
        let address = format!("{}/v1/traces", collector.as_str().trim_end_matches('/'));
        let client = OnRuntime { runtime: Handle::current(), client: client(collector)? };
        let spans = SpanExporter::builder().with_http().with_http_client(client).with_endpoint(address);
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("guestlist");
        }
        let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.with_attribute(version).build())
            .with_batch_exporter(spans.build()?)
            .build();
        Ok(Self { provider })
    }

    /// What hands spans to the exporter: ours, and those of statements that belong to one of ours.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer: SdkTracer = self.provider.tracer("guestlist");
        let filter = dynamic_filter_fn(|metadata, context| {
            is_ours(metadata) || is_part(metadata) && context.lookup_current().is_some()
        });
        let filter = filter.with_callsite_filter(|metadata| {
            if is_ours(metadata) || is_part(metadata) { Interest::sometimes() } else { Interest::never() }
        });
        let spans =
            tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
        spans.with_filter(filter)
    }

    /// Sends what is left. To be called outside of the runtime, which has to be there still.
    pub fn close(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FAREWELL) {
            tracing::warn!(%error, "the last spans were not taken by the collector");
        }
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == TARGET
}

/// Whether it is a step or a statement.
fn is_part(metadata: &Metadata<'_>) -> bool {
    let statement = || *metadata.level() == Level::INFO && metadata.target().starts_with(STATEMENTS);
    metadata.is_span() && (metadata.target() == STEPS || statement())
}

/// The exporter has a thread of its own; what it sends is sent by the runtime.
#[derive(Debug)]
struct OnRuntime {
    runtime: Handle,
    client: Arc<dyn HttpClient>,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = Arc::clone(&self.client);
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

/// A client that reads the certificate authorities of this host where it needs them.
fn client(collector: &Url) -> Result<Arc<dyn HttpClient>, Box<dyn Error>> {
    if collector.scheme() == "http" {
        return Ok(Arc::new(HyperClient::with_default_connector(PATIENCE, None)));
    }
    let provider = rustls::crypto::ring::default_provider();
    let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
    let connector = connector.https_only().enable_http1().build();
    Ok(Arc::new(HyperClient::new(connector, PATIENCE, None)))
}

/// The span of a request, within the trace that the client says it is part of.
#[must_use]
pub fn request(method: &'static str, route: &'static str, request_id: &str, headers: &HeaderMap) -> Span {
    let span = tracing::trace_span!(
        target: TARGET,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        guestlist.request_id = request_id,
    );
    if !span.is_disabled() {
        let told = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
        // Its identifiers, and nothing else: the state of a trace is whatever its sender writes.
        let told = told.span().span_context().clone();
        if told.is_valid() {
            let (trace, span_id, flags) = (told.trace_id(), told.span_id(), told.trace_flags());
            let parent = SpanContext::new(trace, span_id, flags, true, TraceState::NONE);
            let _ = span.set_parent(Context::new().with_remote_span_context(parent));
        }
    }
    span
}

/// The span of an operation, by its kind and the name in the schema of its first root field.
#[must_use]
pub fn operation(kind: &'static str, field: Option<&str>) -> Span {
    tracing::trace_span!(
        target: TARGET,
        "operation",
        otel.name = format!("{kind} {}", field.unwrap_or("none")),
        graphql.operation.r#type = kind,
        guestlist.field = field,
        guestlist.outcome = tracing::field::Empty,
    )
}

/// The span of a step whose time tells something, such as waiting for the turn to write.
#[must_use]
pub fn step(name: &'static str) -> Span {
    tracing::trace_span!(target: STEPS, "step", otel.name = name)
}

/// Executes a statement on a database of this kind (`sqlite`, `postgresql`) in a span of its own, beside those that SeaORM makes.
///
/// # Errors
/// Those of the statement.
pub async fn statement<T, E>(
    system: &'static str,
    sql: &str,
    executing: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let span = tracing::trace_span!(
        target: STEPS,
        "query",
        otel.kind = "client",
        otel.status_code = tracing::field::Empty,
        db.system = system,
        db.statement = sql,
    );
    let executed = executing.instrument(span.clone()).await;
    span.record("otel.status_code", if executed.is_ok() { "OK" } else { "ERROR" });
    executed
}

/// The span of making a mail and handing it to the mail server.
#[must_use]
pub fn mail(template: &str, attempt: i64) -> Span {
    tracing::trace_span!(
        target: TARGET,
        "mail",
        otel.name = format!("mail {template}"),
        otel.kind = "producer",
        guestlist.attempt = attempt,
        guestlist.outcome = tracing::field::Empty,
    )
}

/// The span of posting to a webhook endpoint.
#[must_use]
pub fn webhook(host: &str, attempt: i64) -> Span {
    tracing::trace_span!(
        target: TARGET,
        "POST",
        otel.kind = "client",
        otel.status_code = tracing::field::Empty,
        http.request.method = "POST",
        server.address = host,
        http.response.status_code = tracing::field::Empty,
        guestlist.attempt = attempt,
    )
}

/// Writes down how an operation or a mail ended, in one word.
pub fn ended(span: &Span, outcome: &str) {
    span.record("guestlist.outcome", outcome);
}

/// Writes down how a request was answered, by us or to us.
pub fn answered(span: &Span, status: Option<u16>) {
    if let Some(status) = status {
        span.record("http.response.status_code", status);
    }
    if status.is_none_or(|status| status >= 500) {
        span.record("otel.status_code", "ERROR");
    }
}

/// Identifier of the trace that a span is part of, 32 hexadecimal digits; `None` where there is none.
#[must_use]
pub fn id(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| context.trace_id().to_string())
}

/// Tells the receiver of a request which span it belongs to (W3C Trace Context).
pub fn tell(span: &Span, headers: &mut HeaderMap) {
    if !span.is_disabled() {
        TraceContextPropagator::new().inject_context(&span.context(), &mut HeaderInjector(headers));
    }
}
