//! Who we are to one cluster: the token of its members, fetched once and renewed when refused.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd_proto::etcdserverpb::{AuthenticateRequest, AuthenticateResponse};
use model::secret::Secret;
use tokio::time::{Instant, timeout};
use tonic::metadata::{Ascii, MetadataValue};
use tracing::debug;

use crate::channel::Channel;
use crate::config::{self, AuthConfig};
use crate::error::{ErrorClass, Failure};
use crate::flight::{Flight, Joined};
use crate::rpc;
use crate::unary;

/// Longest time for one Authenticate: etcd hashes the password with bcrypt and asks a quorum.
const AUTHENTICATE_TIMEOUT: Duration = Duration::from_secs(5);
/// Rest after a refused password. Each attempt costs the server a bcrypt hash, and the only thing
/// that can help is a person.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);
/// Rest after an Authenticate that failed for other reasons, such as a lost quorum.
const FAILED_PAUSE: Duration = Duration::from_secs(1);
/// How long a member waits for another member's Authenticate before it tries its own: a frozen
/// member must not hold up the others.
const OTHERS_PATIENCE: Duration = Duration::from_millis(500);
/// How often a token file is looked at while it is in use.
const FILE_INTERVAL: Duration = Duration::from_secs(5);

/// A token; prints as nothing.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) value: MetadataValue<Ascii>,
    /// Grows with each token, from 1.
    pub(crate) serial: u64,
}

/// The outcome of an attempt to get a token; `None` when the cluster wants none.
pub(crate) type Outcome = Result<Option<Token>, Failure>;

/// What one cluster knows us by.
pub(crate) struct Credentials {
    config: AuthConfig,
    state: Mutex<State>,
    flight: Flight<Outcome>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    serial: u64,
    /// The cluster said that its authentication is off.
    is_off: bool,
    /// The last failure, and until when it stands.
    pause: Option<(Failure, Instant)>,
    /// When the token file was last looked at, and what it held.
    file: Option<(Instant, Secret<String>)>,
}

impl Credentials {
    pub(crate) fn new(config: AuthConfig) -> Self {
        Self { config, state: Mutex::default(), flight: Flight::default() }
    }

    /// Whether a refused token can be helped at all; a client certificate's user cannot.
    pub(crate) fn is_configured(&self) -> bool {
        self.config.user.is_some() || self.is_ready_made()
    }

    /// Whether an Authenticate is under way.
    #[cfg(test)]
    pub(crate) fn is_fetching(&self) -> bool {
        self.flight.is_under_way()
    }

    fn is_ready_made(&self) -> bool {
        self.config.token.is_some() || self.config.token_file.is_some()
    }

    /// The token to send, fetched over `channel` or by another member of the cluster.
    ///
    /// `refused` is the serial of a token that the server did not take, 0 when it got none.
    /// `own` is the flight of the member that asks.
    pub(crate) async fn token(
        self: &Arc<Self>,
        channel: &Channel,
        own: &Flight<Outcome>,
        refused: Option<u64>,
        patience: Duration,
    ) -> Outcome {
        if !self.is_configured() {
            return Ok(None);
        }
        if let Some(known) = self.known(refused) {
            return known;
        }
        let waiting = self.fetch_shared(channel, own, refused);
        timeout(patience, waiting).await.unwrap_or_else(|_| {
            let text = format!("cannot authenticate: no answer within {patience:?}");
            Err(Failure::new(ErrorClass::Deadline, text))
        })
    }

    /// The answer when nothing needs to be asked.
    fn known(&self, refused: Option<u64>) -> Option<Outcome> {
        let mut state = self.lock();
        if self.is_ready_made() {
            return Some(self.ready_made(&mut state, refused));
        }
        if let Some(token) = &state.token
            && refused.is_none_or(|refused| token.serial > refused)
        {
            return Some(Ok(Some(token.clone())));
        }
        if state.is_off && refused.is_none() {
            return Some(Ok(None));
        }
        let (failure, until) = state.pause.as_ref()?;
        (Instant::now() < *until).then(|| Err(failure.clone()))
    }

    fn ready_made(&self, state: &mut State, refused: Option<u64>) -> Outcome {
        let text = match (&self.config.token, &self.config.token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(file)) => match &state.file {
                Some((looked, text)) if refused.is_none() && looked.elapsed() < FILE_INTERVAL => {
                    text.clone()
                }
                _ => {
                    let text = config::read_secret(file).map_err(|error| {
                        let text = format!("cannot read the token in {}: {error}", file.display());
                        Failure::new(ErrorClass::Auth, text).with_remedy("check auth.token_file")
                    })?;
                    if state.file.as_ref().is_some_and(|(_, old)| *old != text) {
                        state.token = None;
                    }
                    state.file = Some((Instant::now(), text.clone()));
                    text
                }
            },
            (None, None) => return Ok(None),
        };
        match &state.token {
            Some(token) => Ok(Some(token.clone())),
            None => state.take(text.expose()).map(Some),
        }
    }

    async fn fetch_shared(
        self: &Arc<Self>,
        channel: &Channel,
        own: &Flight<Outcome>,
        refused: Option<u64>,
    ) -> Outcome {
        let begin = || {
            let (credentials, channel) = (Arc::clone(self), channel.clone());
            async move { credentials.fetch(channel, refused).await }
        };
        let shared = self.flight.join(begin);
        if shared.is_first {
            return landed(shared).await;
        }
        match timeout(OTHERS_PATIENCE, landed(shared)).await {
            Ok(Ok(token)) => Ok(token),
            Ok(Err(failure)) if failure.class == ErrorClass::Auth => Err(failure),
            // The member that asked first may be the one that is broken.
            _ => landed(own.join(begin)).await,
        }
    }

    async fn fetch(&self, channel: Channel, refused: Option<u64>) -> Outcome {
        // Another flight may have landed since the caller looked.
        let known = self.known(refused);
        if let Some(Ok(token)) = known {
            return Ok(token);
        }
        let outcome = self.authenticate(channel).await;
        let mut state = self.lock();
        match outcome {
            Ok(token) => {
                debug!("authenticated");
                state.take(&token).map(Some)
            }
            Err(failure) if failure.message.contains("authentication is not enabled") => {
                state.is_off = true;
                state.pause = None;
                Ok(None)
            }
            Err(failure) => {
                let is_refused = failure.class == ErrorClass::Auth;
                let pause = if is_refused { REFUSED_PAUSE } else { FAILED_PAUSE };
                state.pause = Some((failure.clone(), Instant::now() + pause));
                Err(failure)
            }
        }
    }

    async fn authenticate(&self, channel: Channel) -> Result<String, Failure> {
        let user = self.config.user.clone().unwrap_or_default();
        let password = self.password()?;
        let request = AuthenticateRequest {
            name: user.clone(),
            password: password.map(|password| password.expose().clone()).unwrap_or_default(),
        };
        let start = Instant::now();
        let sending = unary::unary::<AuthenticateResponse>(
            &channel,
            rpc::AUTHENTICATE.path(),
            unary::encode(&request),
            None,
            None,
            usize::MAX,
        );
        let outcome = timeout(AUTHENTICATE_TIMEOUT, sending)
            .await
            .unwrap_or_else(|_| Err(channel.overdue(start, AUTHENTICATE_TIMEOUT)));
        outcome.map(|answer| answer.token).map_err(|mut failure| {
            failure.message = format!("cannot authenticate as {user}: {}", failure.message).into();
            failure
        })
    }

    fn password(&self) -> Result<Option<Secret<String>>, Failure> {
        match &self.config.password_file {
            Some(file) => config::read_secret(file).map(Some).map_err(|error| {
                let text = format!("cannot read the password in {}: {error}", file.display());
                Failure::new(ErrorClass::Auth, text).with_remedy("check auth.password_file")
            }),
            None => Ok(self.config.password.clone()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("invariant: no holder of this lock panics")
    }
}

impl State {
    fn take(&mut self, text: &str) -> Result<Token, Failure> {
        let mut value: MetadataValue<Ascii> = text.parse().map_err(|_| {
            Failure::new(ErrorClass::Auth, "the token has characters that no token has")
        })?;
        value.set_sensitive(true);
        self.serial += 1;
        let token = Token { value, serial: self.serial };
        self.token = Some(token.clone());
        self.is_off = false;
        self.pause = None;
        Ok(token)
    }
}

async fn landed(flight: Joined<Outcome>) -> Outcome {
    let lost = Failure::new(ErrorClass::Other, "the program is shutting down");
    flight.outcome().await.unwrap_or(Err(lost))
}
