//! A command's way to its cluster: endpoints, connections, the time it may take.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etcd::wire::Message;
use etcd::wire::rpc::Rpc;
use etcd::{Cluster, Connector, Endpoint, EndpointError, Error, ErrorClass, Member, Scheme};
use tokio::time::{Instant, sleep};

use crate::failure::{Failure, exit};
use crate::global::Settings;

/// Rest before an endpoint that could not be reached is dialled again.
const DIAL_PAUSE: Duration = Duration::from_millis(100);
/// Longer than an election takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Longest time for one of several tries.
const LONGEST_TRY: Duration = Duration::from_secs(15);
/// An attempt with less time than this may fail for nothing but that.
const SHORT: Duration = Duration::from_millis(500);
/// Time for a command that etcdctl gives any time; a server that hangs is noticed by keepalives.
pub const UNBOUNDED: Duration = Duration::from_hours(24);

/// A cluster that nothing has been sent to yet.
pub struct Session {
    connector: Arc<Connector>,
    cluster: Cluster,
    endpoints: Vec<Endpoint>,
    texts: Vec<String>,
    /// What members advertise, and where they are reached.
    map: BTreeMap<String, String>,
    /// Whether calls need a token, which needs a connection first.
    has_user: bool,
    /// Longest time for a short command.
    pub timeout: Duration,
    /// Whether `--command-timeout` was given.
    pub timeout_is_given: bool,
    /// Largest request to send.
    pub max_request_bytes: usize,
}

impl Session {
    pub(crate) fn new(
        settings: Settings,
        timeout: Duration,
        timeout_is_given: bool,
        max_request_bytes: usize,
    ) -> Result<Self, Failure> {
        let has_user = settings.client.auth.user.is_some();
        let connector = Connector::new(settings.client)
            .map_err(|error| Failure::new(exit::BAD_ARGS, error.message()))?;
        let cluster = connector.cluster(settings.endpoints.clone());
        let (endpoints, texts) = (settings.endpoints, settings.endpoint_texts);
        let map = settings.endpoint_map;
        Ok(Self {
            connector,
            cluster,
            endpoints,
            texts,
            map,
            has_user,
            timeout,
            timeout_is_given,
            max_request_bytes,
        })
    }

    /// How long a command that is under way waits for a member or a leader: longer than an election
    /// takes, unless a time was given.
    pub fn patience(&self) -> Duration {
        if self.timeout_is_given { self.timeout } else { self.timeout.max(PATIENCE) }
    }

    /// The cluster, for calls that any member answers.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What connections are made with, for members that are found later.
    pub fn connector(&self) -> &Arc<Connector> {
        &self.connector
    }

    /// The endpoints, understood.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The endpoints as they were given, in the same order.
    pub fn endpoint_texts(&self) -> &[String] {
        &self.texts
    }

    /// Where a member is reached that says that it answers at `url`.
    pub fn reached_at(&self, url: &str) -> Result<Endpoint, EndpointError> {
        let url = self.map.get(url).map_or(url, String::as_str);
        Endpoint::parse(url, Scheme::Http)
    }

    /// Each endpoint's own connection, in the same order.
    pub fn members(&self) -> &[Member] {
        self.cluster.each()
    }

    /// Makes a call that only reads, within the time of a short command.
    pub async fn read<Req, Res>(&self, rpc: &Rpc<Req, Res>, request: Req) -> Result<Res, Failure>
    where
        Req: Message + Clone + 'static,
        Res: Message + Default + 'static,
    {
        self.read_within(rpc, request, self.timeout).await
    }

    /// The same within another time.
    pub async fn read_within<Req, Res>(
        &self,
        rpc: &Rpc<Req, Res>,
        request: Req,
        limit: Duration,
    ) -> Result<Res, Failure>
    where
        Req: Message + Clone + 'static,
        Res: Message + Default + 'static,
    {
        let call = async |left| self.cluster.read(rpc, request.clone(), left).await;
        persist(limit, call).await.map_err(|error| self.failed(error, limit))
    }

    /// Makes a call that may be made twice for as long as `limit`, through the loss of members and of
    /// the leader.
    pub async fn insist<Req, Res>(
        &self,
        rpc: &Rpc<Req, Res>,
        request: Req,
        limit: Duration,
    ) -> Result<Res, Error>
    where
        Req: Message + Clone + 'static,
        Res: Message + Default + 'static,
    {
        let call = async |left| self.cluster.read(rpc, request.clone(), left).await;
        insist(limit, call).await
    }

    /// Makes a call that changes something, within the time of a short command.
    pub async fn change<Req, Res>(&self, rpc: &Rpc<Req, Res>, request: Req) -> Result<Res, Failure>
    where
        Req: Message + Clone + 'static,
        Res: Message + Default + 'static,
    {
        self.change_within(rpc, request, self.timeout).await
    }

    /// The same within another time.
    pub async fn change_within<Req, Res>(
        &self,
        rpc: &Rpc<Req, Res>,
        request: Req,
        limit: Duration,
    ) -> Result<Res, Failure>
    where
        Req: Message + Clone + 'static,
        Res: Message + Default + 'static,
    {
        self.check_size(&request)?;
        let call = async |left| self.cluster.change(rpc, request.clone(), left).await;
        persist(limit, call).await.map_err(|error| self.failed(error, limit))
    }

    /// With a user, Go's client is not even made without a connection.
    fn failed(&self, error: Error, limit: Duration) -> Failure {
        let code =
            if self.has_user && is_unreached(&error) { Some(exit::BAD_CONNECTION) } else { None };
        let is_own = limit == self.timeout;
        let failure = Failure::of_call(error, limit, is_own.then_some("--command-timeout"));
        match code {
            Some(code) => failure.with_code(code),
            None => failure,
        }
    }

    /// Refuses a request that is larger than the limit, as Go's client does.
    fn check_size(&self, request: &impl Message) -> Result<(), Failure> {
        let (size, limit) = (request.encoded_len(), self.max_request_bytes);
        if size <= limit {
            return Ok(());
        }
        let text = format!(
            "rpc error: code = ResourceExhausted desc = trying to send message larger than max ({size} vs. {limit})"
        );
        Err(Failure::error(text).with_detail(
            "etcd takes 1.5 MiB at most unless --max-request-bytes of the server says otherwise; \
             values that large belong into an object store",
        ))
    }
}

/// Calls until there is an answer: a cluster that nobody reaches yet may just be starting.
pub async fn persist<T>(
    limit: Duration,
    call: impl AsyncFn(Duration) -> Result<T, Error>,
) -> Result<T, Error> {
    let end = Instant::now() + limit;
    let mut earlier = None;
    loop {
        let left = end.duration_since(Instant::now());
        let error = match call(left).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let rest = end.duration_since(Instant::now());
        if rest.is_zero() && left < SHORT && error.server_said().is_none() {
            // That one was cut short; the one before knows more than that time was up.
            return Err(earlier.unwrap_or(error));
        }
        if !is_unreached(&error) || rest <= DIAL_PAUSE {
            return Err(error);
        }
        earlier = Some(error);
        sleep(DIAL_PAUSE).await;
    }
}

/// Calls until there is an answer, also through the loss of a leader: only for what may be done twice.
pub async fn insist<T>(
    limit: Duration,
    call: impl AsyncFn(Duration) -> Result<T, Error>,
) -> Result<T, Error> {
    let end = Instant::now() + limit;
    loop {
        // One that hangs must not take all the time.
        let left = end.duration_since(Instant::now());
        match call(left.min(LONGEST_TRY)).await {
            Err(error) if is_passing(&error) => {
                if end.duration_since(Instant::now()) <= DIAL_PAUSE {
                    return Err(error);
                }
                sleep(DIAL_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// Whether the same call may succeed later or elsewhere.
pub fn is_passing(error: &Error) -> bool {
    let class = matches!(
        error.class(),
        ErrorClass::Dns
            | ErrorClass::Refused
            | ErrorClass::Transport
            | ErrorClass::Deadline
            | ErrorClass::NoLeader
            | ErrorClass::TooManyRequests
            | ErrorClass::Learner
    );
    class || is_unreached(error)
}

/// Whether a member has not applied the revision yet that it is asked for.
pub fn is_future(error: &Error) -> bool {
    error.server_said().is_some_and(|(_, text)| text.contains("is a future revision"))
}

/// Whether no server has heard of the call.
fn is_unreached(error: &Error) -> bool {
    error.is_unsent() && error.server_said().is_none()
}
