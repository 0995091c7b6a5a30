//! `espalier serve`.

use crate::args::ServeArgs;
use crate::console;
use crate::failure::Failure;
use anyhow::anyhow;
use espalier_web::{Limits, Server, ServerError, Settings};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

/// The most threads that answer requests; runs have their own.
const MAX_ANSWERING: usize = 16;

pub(crate) fn run(args: &ServeArgs, quiet: bool) -> Result<(), Failure> {
    let upload = args.upload_limit.get().saturating_mul(1 << 20);
    let usual = Limits::default();
    let limits =
        Limits { at_once: args.runs.get(), upload, uploads: usual.uploads.max(upload), ..usual };
    let listen = args.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let address = SocketAddr::new(listen, args.port);
    let settings = Settings { address, token: args.token.clone(), limits };
    let runtime = runtime()?;
    runtime.block_on(async {
        let server = Server::bind(settings).await.map_err(refused)?;
        if !quiet {
            console::print(&greeting(server.address(), args.token.as_deref()))?;
        }
        let stopper = server.stopper();
        tokio::spawn(async move {
            wish_to_end().await;
            stopper.stop();
        });
        server.serve().await;
        Ok(())
    })
}

/// The threads that answer. The library panics where it cannot start one, so that it is tried
/// before.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_ANSWERING);
    let tried: Result<Vec<_>, _> =
        (0..threads).map(|_| std::thread::Builder::new().spawn(|| ())).collect();
    let cannot =
        |error| Failure::environment(anyhow!("cannot start the server's threads: {error}"));
    tried.map_err(cannot)?.into_iter().for_each(|thread| drop(thread.join()));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(threads).enable_all().build().map_err(Failure::environment)
}

/// Waits for Ctrl-C, for whoever ends programs that run in the background, or for the end of the
/// terminal.
async fn wish_to_end() {
    #[cfg(unix)]
    let hangs_up = crate::signals::hangs_up();
    #[cfg(unix)]
    if let (Ok(mut end), Ok(mut hangup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    {
        tokio::select! {
            _ = end.recv() => {}
            _ = hangup.recv(), if hangs_up => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        return;
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Nobody can say so: it runs until it is killed.
        std::future::pending::<()>().await;
    }
}

fn greeting(address: SocketAddr, token: Option<&str>) -> String {
    let token = token.map(|token| format!("?token={token}")).unwrap_or_default();
    let shown = match address.ip().is_unspecified() {
        true => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()),
        false => address,
    };
    let reach = match address.ip().is_loopback() {
        true => "reachable from this machine only".to_owned(),
        false => format!("listening on {address} for everybody who has the token"),
    };
    format!("Open http://{shown}/{token}\n  {reach}; Ctrl-C stops it\n")
}

/// Why the server does not start, and what to do about it.
fn refused(error: ServerError) -> Failure {
    let told = match &error {
        ServerError::NoToken { .. } => format!("--listen: {error}; add --token"),
        ServerError::BadToken => format!("--token: {error}"),
        ServerError::Taken { .. } => {
            format!("--port: {error}; choose another port, or 0 for any free one")
        }
        _ => return error.into(),
    };
    Failure::of(error.blame(), anyhow!(told))
}
