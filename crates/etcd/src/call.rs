//! One call on one member: token, deadline, and once more when the token was refused.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;
use tonic::{Request, Streaming};
use tonic_prost::ProstCodec;

use crate::channel::Channel;
use crate::classify;
use crate::credentials::Token;
use crate::error::{Error, ErrorClass, Failure};
use crate::member::Member;
use crate::messages::Messages;
use crate::rpc::Rpc;
use crate::unary::{self, CLIENT_API_VERSION};

/// Most requests of a conversation that wait to be sent.
const MAX_REQUESTS: usize = 16;

/// A stream in both directions.
pub(crate) struct Conversation<Req, Res> {
    pub(crate) requests: mpsc::Sender<Req>,
    /// The first answer, until it is taken.
    first: Option<Res>,
    answers: Streaming<Res>,
}

impl<Req, Res> Conversation<Req, Res> {
    /// The next answer; a stream that ends is a failure. Nothing is lost when it is dropped early.
    pub(crate) async fn next(&mut self) -> Result<Res, Failure> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        match self.answers.message().await {
            Ok(answer) => answer.ok_or_else(ended),
            Err(status) => Err(classify::status(&status)),
        }
    }
}

fn ended() -> Failure {
    Failure::new(ErrorClass::Transport, "the server ended the stream")
}

impl Member {
    /// Makes a call, all of it within `deadline`.
    pub(crate) async fn unary<Req, Res>(
        &self,
        rpc: &Rpc<Req, Res>,
        message: Req,
        deadline: Duration,
    ) -> Result<Res, Error>
    where
        Req: prost::Message + Clone + 'static,
        Res: prost::Message + Default + 'static,
    {
        self.exchange(rpc, unary::encode(&message), deadline).await
    }

    /// Makes a call with an encoded message.
    pub(crate) async fn exchange<Req, Res>(
        &self,
        rpc: &Rpc<Req, Res>,
        message: Bytes,
        deadline: Duration,
    ) -> Result<Res, Error>
    where
        Res: prost::Message + Default + 'static,
    {
        let start = Instant::now();
        let end = start + deadline;
        let limit = self.connector().config().max_message_bytes;
        let work = self.authorized(end, |token| {
            let left = end.duration_since(Instant::now());
            unary::unary(self.channel(), rpc.path(), message.clone(), token, Some(left), limit)
        });
        timeout(deadline, work)
            .await
            .unwrap_or_else(|_| Err(self.channel().overdue(start, deadline)))
            .map_err(|failure| Error::new(self.endpoint(), rpc.name, failure))
    }

    /// Opens a stream of answers within `deadline`.
    pub(crate) async fn stream<Req, Res>(
        &self,
        rpc: &Rpc<Req, Res>,
        message: &Req,
        deadline: Duration,
    ) -> Result<Messages, Error>
    where
        Req: prost::Message,
    {
        let start = Instant::now();
        let limit = self.connector().config().max_message_bytes;
        let message = unary::encode(message);
        let work = self.authorized(start + deadline, |token| async {
            let channel = self.channel();
            let answering = unary::ask(channel, rpc.path(), message.clone(), token, None).await?;
            Ok(Messages::new(channel.clone(), answering, limit))
        });
        timeout(deadline, work)
            .await
            .unwrap_or_else(|_| Err(self.channel().overdue(start, deadline)))
            .map_err(|failure| Error::new(self.endpoint(), rpc.name, failure))
    }

    /// Opens a stream in both directions with its first request, and waits for the first answer,
    /// both within `deadline`; the server refuses it while the member knows no leader.
    ///
    /// `judge` says whether a first answer is a refusal in disguise.
    pub(crate) async fn converse<Req, Res>(
        &self,
        rpc: &Rpc<Req, Res>,
        message: Req,
        judge: fn(&Res) -> Result<(), Failure>,
        deadline: Duration,
    ) -> Result<Conversation<Req, Res>, Error>
    where
        Req: prost::Message + Clone + 'static,
        Res: prost::Message + Default + 'static,
    {
        let start = Instant::now();
        let limit = self.connector().config().max_message_bytes;
        let work = self.authorized(start + deadline, |token| {
            let (requests, sent) = mpsc::channel(MAX_REQUESTS);
            let first = requests.try_send(message.clone());
            let mut request = request(ReceiverStream::new(sent), token);
            request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
            let mut grpc = client(self.channel().clone(), limit);
            async move {
                first.map_err(|_| Failure::new(ErrorClass::Other, "the queue is full"))?;
                grpc.ready().await?;
                // A server answers with headers no sooner than with its first message.
                let answer = grpc.streaming(request, rpc.path(), ProstCodec::default()).await;
                let mut answers = answer.map_err(|status| classify::status(&status))?.into_inner();
                let first = answers.message().await.map_err(|status| classify::status(&status))?;
                let first = first.ok_or_else(ended)?;
                judge(&first)?;
                Ok(Conversation { requests, first: Some(first), answers })
            }
        });
        timeout(deadline, work)
            .await
            .unwrap_or_else(|_| Err(self.channel().overdue(start, deadline)))
            .map_err(|failure| Error::new(self.endpoint(), rpc.name, failure))
    }

    /// Calls `attempt` with our token, and once more with a new one if that was refused.
    async fn authorized<T, F>(
        &self,
        end: Instant,
        attempt: impl Fn(Option<Token>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        if !self.connector().credentials().is_configured() {
            return attempt(None).await;
        }
        // On the heap: it is several times as large as an attempt, and most calls do without.
        Box::pin(self.with_credentials(end, attempt)).await
    }

    async fn with_credentials<T, F>(
        &self,
        end: Instant,
        attempt: impl Fn(Option<Token>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let credentials = self.connector().credentials();
        // Half of what is left: the call itself, even without a token, may tell more.
        let patience = || end.duration_since(Instant::now()) / 2;
        let first = credentials.token(self.channel(), self.own_flight(), None, patience()).await;
        let token = match first {
            Ok(token) => token,
            Err(failure) if failure.class == ErrorClass::Auth => return Err(failure),
            // No quorum to authenticate with, say: older servers answer some calls to anybody.
            Err(_) => None,
        };
        let serial = token.as_ref().map_or(0, |token| token.serial);
        let failure = match attempt(token).await {
            Err(failure) if failure.refused_token && credentials.is_configured() => failure,
            outcome => return outcome,
        };
        let flight = self.own_flight();
        match credentials.token(self.channel(), flight, Some(serial), patience()).await {
            Ok(Some(token)) if token.serial > serial => attempt(Some(token)).await,
            Ok(_) => Err(failure),
            Err(cause) if cause.class == ErrorClass::Auth => Err(cause),
            Err(cause) => {
                let text = format!("{}: {}", failure.message, cause.message);
                Err(Failure::new(ErrorClass::Auth, text)
                    .with_remedy("it mends itself when the cluster can authenticate again"))
            }
        }
    }
}

fn client(channel: Channel, limit: usize) -> Grpc<Channel> {
    let origin = channel.origin();
    Grpc::with_origin(channel, origin).max_decoding_message_size(limit)
}

fn request<Req>(message: Req, token: Option<Token>) -> Request<Req> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("client-api-version", MetadataValue::from_static(CLIENT_API_VERSION));
    if let Some(token) = token {
        metadata.insert("token", token.value);
    }
    request
}
