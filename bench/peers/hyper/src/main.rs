// One single-threaded runtime for each worker, all listening on one port with SO_REUSEPORT.
mod order;
mod routes;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{signal, SignalKind};

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = http1::Builder::new()
            .pipeline_flush(true)
            .serve_connection(TokioIo::new(stream), service_fn(routes::route));
        tokio::spawn(connection);
    }
}

fn main() -> io::Result<()> {
    let workers = std::env::args()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(2);
    let first = runtime()?;
    let (listener, address) = first.block_on(async {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = listener.local_addr()?;
        Ok::<_, io::Error>((listener, address))
    })?;
    for _ in 1..workers {
        let other = runtime()?;
        let listener = other.block_on(async { listen(address) })?;
        std::thread::spawn(move || other.block_on(serve(listener)));
    }
    first.block_on(async {
        let mut end = signal(SignalKind::terminate())?;
        eprintln!("ready http://{address}");
        tokio::select! {
            result = serve(listener) => result,
            _ = end.recv() => Ok(()),
        }
    })
}
