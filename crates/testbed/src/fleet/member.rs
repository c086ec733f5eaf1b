//! The life of a simulated member: it listens, stops, hangs and comes back.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use model::id::MemberId;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::answer::Answerer;
use super::page::Template;
use super::state::ClusterState;

/// Connections that wait to be accepted, as in Go.
const BACKLOG: u32 = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Running,
    /// As after SIGSTOP: the kernel still takes connections, nobody reads them.
    Paused,
    /// As after SIGKILL: connections are refused.
    Killed,
}

/// One member of a simulated cluster.
#[derive(Debug)]
pub struct SimulatedMember {
    state: Arc<ClusterState>,
    index: usize,
    answerer: Arc<Answerer>,
    mode: watch::Sender<Mode>,
    /// The mode that the listening task has come to.
    settled: watch::Receiver<Mode>,
    _task: AbortOnDropHandle<()>,
}

impl SimulatedMember {
    pub(super) fn start(
        state: Arc<ClusterState>,
        index: usize,
        template: Arc<Template>,
        socket: TcpSocket,
        latency: Duration,
    ) -> io::Result<Self> {
        let listener = socket.listen(BACKLOG)?;
        let address = state.members()[index].address;
        let answerer = Arc::new(Answerer::new(Arc::clone(&state), index, template, latency));
        let (mode, modes) = watch::channel(Mode::Running);
        let (settle, settled) = watch::channel(Mode::Running);
        let listening = Listening { address, modes, settle, answerer: Arc::clone(&answerer) };
        let task = tokio::spawn(listening.run(listener));
        Ok(Self { state, index, answerer, mode, settled, _task: AbortOnDropHandle::new(task) })
    }

    /// The name in the member list, such as `sim-0001-2`.
    pub fn name(&self) -> &str {
        &self.state.members()[self.index].name
    }

    /// The ID.
    pub fn id(&self) -> MemberId {
        MemberId(self.state.members()[self.index].id)
    }

    /// Where it listens, `host:port`; stays the same for life.
    pub fn endpoint(&self) -> String {
        self.state.members()[self.index].address.to_string()
    }

    /// Ends it as SIGKILL would: its connections break and new ones are refused.
    pub async fn kill(&self) {
        self.become_mode(Mode::Killed).await;
    }

    /// Starts it again after [`kill`](Self::kill), with counters at zero.
    pub async fn restart(&self) {
        self.kill().await;
        self.answerer.boot();
        self.become_mode(Mode::Running).await;
    }

    /// Stops it as SIGSTOP would: it takes connections and says nothing.
    pub async fn pause(&self) {
        if *self.mode.borrow() == Mode::Running {
            self.become_mode(Mode::Paused).await;
        }
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub async fn resume(&self) {
        if *self.mode.borrow() == Mode::Paused {
            self.become_mode(Mode::Running).await;
        }
    }

    /// Makes it wait for so long before each answer.
    pub fn set_latency(&self, latency: Duration) {
        self.answerer.set_latency(latency);
    }

    async fn become_mode(&self, mode: Mode) {
        self.mode.send_replace(mode);
        self.state.set_absent(self.index, mode != Mode::Running);
        let mut settled = self.settled.clone();
        settled
            .wait_for(|settled| *settled == mode)
            .await
            .expect("invariant: the listening task lives as long as the member");
    }
}

/// The task that owns a member's port and connections.
struct Listening {
    address: SocketAddr,
    modes: watch::Receiver<Mode>,
    settle: watch::Sender<Mode>,
    answerer: Arc<Answerer>,
}

impl Listening {
    async fn run(mut self, mut listener: TcpListener) {
        loop {
            let mode = self.serve(&listener).await;
            if mode == Mode::Killed {
                drop(listener);
                // A bound socket that does not listen refuses connections and keeps the port.
                let held = self.hold_port();
                self.settle.send_replace(Mode::Killed);
                if self.modes.wait_for(|mode| *mode != Mode::Killed).await.is_err() {
                    return;
                }
                match held.and_then(|socket| socket.listen(BACKLOG)) {
                    Ok(again) => listener = again,
                    Err(error) => {
                        tracing::error!(address = %self.address, %error, "cannot listen again");
                        return;
                    }
                }
            } else {
                return;
            }
        }
    }

    fn hold_port(&self) -> io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        Ok(socket)
    }

    /// Serves until the member is killed or dropped; its connections end with this.
    async fn serve(&mut self, listener: &TcpListener) -> Mode {
        let mut connections = JoinSet::new();
        loop {
            let mode = *self.modes.borrow_and_update();
            if mode == Mode::Killed {
                connections.shutdown().await;
                return mode;
            }
            self.settle.send_replace(mode);
            tokio::select! {
                changed = self.modes.changed() => if changed.is_err() { return Mode::Running },
                accepted = listener.accept(), if mode == Mode::Running => match accepted {
                    Ok((stream, _)) => {
                        let connection = connection(stream, Arc::clone(&self.answerer));
                        connections.spawn(run_unless_paused(connection, self.modes.clone()));
                    }
                    Err(error) => {
                        // Out of file descriptors, as a rule; the next one may be free.
                        tracing::warn!(address = %self.address, %error, "cannot accept");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// Answers HTTP/1.1 and HTTP/2 on one connection, until either side ends it.
async fn connection(stream: TcpStream, answerer: Arc<Answerer>) {
    // Without it, small answers wait for acknowledgements. A peer that is gone is found out below.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let answerer = Arc::clone(&answerer);
        async move { Ok::<_, Infallible>(answerer.answer(request).await) }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(error, "connection ended");
    }
}

/// Runs a connection, but not while the member is paused: then no byte goes in or out.
async fn run_unless_paused(connection: impl Future<Output = ()>, mut modes: watch::Receiver<Mode>) {
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            biased;
            paused = modes.wait_for(|mode| *mode == Mode::Paused) => if paused.is_err() { return },
            () = &mut connection => return,
        }
        if modes.wait_for(|mode| *mode != Mode::Paused).await.is_err() {
            return;
        }
    }
}
