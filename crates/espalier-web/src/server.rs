//! Binding, accepting and stopping.

use crate::access::Guard;
use crate::api::router;
use crate::app::App;
use crate::assets;
use crate::limits::Limits;
use espalier_blame::Blame;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How long the head of a request may take to arrive.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The most bytes that are read ahead on a connection, and the longest head of a request.
const BUFFER: usize = 64 << 10;
/// How long connections may take to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(3);
/// The shortest token.
const MIN_TOKEN: usize = 16;

/// Where a server listens, for whom, and how much it takes on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on; port 0 stands for any free port.
    pub address: SocketAddr,
    /// The token that every request must carry; required unless `address` is a loopback address.
    pub token: Option<String>,
    /// The limits of the server.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { address, token: None, limits: Limits::default() }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Other machines could reach the server, and no token would keep them out.
    #[error("{address} can be reached from other machines, so it needs a token")]
    NoToken {
        /// The address it was to listen on.
        address: SocketAddr,
    },
    /// The token is too easy to guess, or cannot be put into a header.
    #[error("a token must be {MIN_TOKEN} or more letters, digits, `-` and `_`")]
    BadToken,
    /// Another program already listens on the address.
    #[error("another program listens on {address} already")]
    Taken {
        /// The address it was to listen on.
        address: SocketAddr,
    },
    /// The system refused what a server needs.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// The reason.
        source: io::Error,
    },
}

impl ServerError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::NoToken { .. } | Self::BadToken => Blame::Caller,
            Self::Taken { .. } | Self::Io { .. } => Blame::Environment,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoToken { .. } => "server-without-token",
            Self::BadToken => "server-token",
            Self::Taken { .. } => "server-address-taken",
            Self::Io { .. } => "server-io",
        }
    }
}

/// A server that is bound and not yet serving.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    stop: watch::Sender<bool>,
}

/// Stops a server from elsewhere.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Refuses new connections and ends the open ones soon.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Binds an address. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn bind(settings: Settings) -> Result<Self, ServerError> {
        let Settings { address, token, limits } = settings;
        if token.is_none() && !address.ip().is_loopback() {
            return Err(ServerError::NoToken { address });
        }
        let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if token.as_ref().is_some_and(|t| t.len() < MIN_TOKEN || !t.bytes().all(fits)) {
            return Err(ServerError::BadToken);
        }
        let failed = |action: String| move |source| ServerError::Io { action, source };
        let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ServerError::Taken { address },
            _ => ServerError::Io { action: format!("listen on {address}"), source },
        })?;
        let address = listener.local_addr().map_err(failed("find the port".into()))?;
        let stop = watch::Sender::new(false);
        let guard = Guard::new(address.port(), token.as_deref());
        let app = App::new(limits, guard, stop.subscribe());
        let app = Arc::new(app.map_err(failed("make a temporary folder".into()))?);
        Ok(Self { listener, address, app, stop })
    }

    /// The address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stops the server.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Serves until it is stopped; then everything that computes is stopped too, and uploaded files
    /// are removed.
    pub async fn serve(self) {
        let Self { listener, app, stop, .. } = self;
        // In the background: the first answer does not wait for all files to be packed.
        let prepared = tokio::task::spawn_blocking(assets::prepare);
        let places = Arc::new(Semaphore::new(app.limits.connections));
        let service = TowerToHyperService::new(router(app.clone()));
        let mut stopped = stop.subscribe();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopped.wait_for(|stop| *stop) => break,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors, most likely: others may close some.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                tokio::spawn(turn_away(stream));
                continue;
            };
            tokio::spawn(connection(stream, service.clone(), stop.subscribe(), place));
        }
        drop(listener);
        app.board.stop_all();
        let all = app.limits.connections as u32;
        // Who does not end in time is cut off with the runtime.
        let _ = tokio::time::timeout(FAREWELL, places.acquire_many(all)).await;
        let _ = prepared.await;
    }
}

type Service = TowerToHyperService<axum::Router>;

async fn connection(
    stream: TcpStream,
    service: Service,
    mut stop: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) {
    // Events are small and should not wait for each other.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(BUFFER);
    let served = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    // What goes wrong on a connection is between it and its other end.
    let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
    tokio::select! {
        _ = served.as_mut() => {}
        () = stopped => {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    }
    drop(place);
}

/// Answers that the server is full, without reading the request.
async fn turn_away(mut stream: TcpStream) {
    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\
        Retry-After: 2\r\nContent-Type: application/json\r\nContent-Length: 71\r\n\r\n\
        {\"error\":{\"code\":\"busy\",\"message\":\"there are too many connections now\"}}";
    let _ = tokio::time::timeout(HEAD_TIME, stream.write_all(ANSWER)).await;
}
