//! The gRPC calls that a page counts, by method and code.

use expfmt::Sample;

use super::page::PageError;
use super::source::{CallType, ERROR_CODES};

/// etcd has about 50 methods; of their codes few are ever seen.
const MAX_CALLS: usize = 512;

/// The codes of gRPC, by number.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(u8);

impl Code {
    /// A name that is none of gRPC's counts as `Unknown`, which is what gRPC makes of it.
    fn named(name: &str) -> Self {
        Self(CODES.iter().position(|code| *code == name).unwrap_or(2) as u8)
    }

    pub(super) fn as_str(self) -> &'static str {
        CODES[usize::from(self.0)]
    }

    pub(super) fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Whether the server is to blame.
    pub(super) fn is_error(self) -> bool {
        ERROR_CODES.contains(&self.as_str())
    }
}

/// Calls of one method that ended in one way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) service: &'a str,
    pub(super) method: &'a str,
    pub(super) kind: CallType,
    pub(super) code: Code,
    pub(super) count: f64,
}

/// All calls since the process started. etcd shows a series for each method and code from the
/// start, 820 of them; here only those with a call take room.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests {
    started: [f64; 2],
    calls: Vec<StoredCall>,
    /// Services and methods, one after the other.
    names: String,
}

#[derive(Debug, Clone, Copy)]
struct StoredCall {
    count: f64,
    name: Name,
    kind: CallType,
    code: Code,
}

/// A place in [`Requests::names`].
#[derive(Debug, Clone, Copy)]
struct Name {
    start: u16,
    service_len: u8,
    method_len: u8,
}

impl Requests {
    pub(super) fn add_started(&mut self, sample: &Sample<'_>) {
        if sample.value > 0.0 {
            self.started[call_type(sample) as usize] += sample.value;
        }
    }

    pub(super) fn add_handled(&mut self, sample: &Sample<'_>) -> Result<(), PageError> {
        // Most of these series stand at zero: their labels are not even read.
        if sample.value <= 0.0 || sample.value.is_nan() {
            return Ok(());
        }
        let labels = &sample.labels;
        let service = labels.get("grpc_service").unwrap_or_default();
        let method = labels.get("grpc_method").unwrap_or_default();
        let code = Code::named(&labels.get("grpc_code").unwrap_or_default());
        let name = match self.calls.iter().find(|call| self.name(call.name) == (&service, &method))
        {
            Some(call) => Some(call.name),
            None => self.intern(&service, &method),
        };
        let Some(name) = name.filter(|_| self.calls.len() < MAX_CALLS) else {
            return Err(PageError::TooMany { what: "methods and codes", limit: MAX_CALLS });
        };
        let kind = call_type(sample);
        self.calls.push(StoredCall { count: sample.value, name, kind, code });
        Ok(())
    }

    fn intern(&mut self, service: &str, method: &str) -> Option<Name> {
        let name = Name {
            start: self.names.len().try_into().ok()?,
            service_len: service.len().try_into().ok()?,
            method_len: method.len().try_into().ok()?,
        };
        self.names.push_str(service);
        self.names.push_str(method);
        Some(name)
    }

    fn name(&self, name: Name) -> (&str, &str) {
        let start = usize::from(name.start);
        let middle = start + usize::from(name.service_len);
        let end = middle + usize::from(name.method_len);
        (&self.names[start..middle], &self.names[middle..end])
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = Call<'_>> {
        self.calls.iter().map(|&StoredCall { count, name, kind, code }| {
            let (service, method) = self.name(name);
            Call { service, method, kind, code, count }
        })
    }

    /// How many calls of this method ended in this way; 0 if none did.
    pub(super) fn count(&self, of: &Call<'_>) -> f64 {
        self.calls()
            .find(|call| (call.service, call.method, call.code) == (of.service, of.method, of.code))
            .map_or(0.0, |call| call.count)
    }

    /// Calls that began and have not ended; a page is not read in one instant, so not below 0.
    pub(super) fn open(&self, kind: CallType) -> f64 {
        let ended = self.calls.iter().filter(|call| call.kind == kind);
        (self.started[kind as usize] - ended.map(|call| call.count).sum::<f64>()).max(0.0)
    }

    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.calls.capacity() * size_of::<StoredCall>() + self.names.capacity()
    }

    pub(super) fn shrink(&mut self) {
        self.calls.shrink_to_fit();
        self.names.shrink_to_fit();
    }
}

fn call_type(sample: &Sample<'_>) -> CallType {
    match sample.labels.get("grpc_type").as_deref() {
        Some("unary") => CallType::Unary,
        _ => CallType::Stream,
    }
}
