mod order;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use order::Order;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt};
use tower_http::services::ServeFile;

#[derive(Serialize)]
struct Greeting {
    message: &'static str,
}

#[derive(Serialize)]
struct User {
    id: String,
}

#[derive(Deserialize, Serialize)]
struct Search {
    q: String,
    page: i64,
}

async fn greet() -> Json<Greeting> {
    let message = "Hello, World!";
    Json(Greeting { message })
}

async fn user(Path(id): Path<String>) -> Json<User> {
    Json(User { id })
}

async fn search(Query(search): Query<Search>) -> Json<Search> {
    Json(search)
}

async fn echo(Json(order): Json<Order>) -> Result<Json<Order>, StatusCode> {
    if order.is_valid() {
        Ok(Json(order))
    } else {
        Err(StatusCode::UNPROCESSABLE_ENTITY)
    }
}

/// Every stream of events follows the one ticker.
async fn events(
    State(ticker): State<watch::Sender<u64>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks = WatchStream::from_changes(ticker.subscribe());
    Sse::new(ticks.map(|number| Ok(Event::default().data(number.to_string()))))
}

async fn tick(ticker: watch::Sender<u64>) {
    let mut clock = tokio::time::interval(Duration::from_millis(100));
    loop {
        clock.tick().await;
        ticker.send_modify(|number| *number += 1);
    }
}

async fn upgrade(upgrade: WebSocketUpgrade) -> impl IntoResponse {
    upgrade.on_upgrade(echo_messages)
}

async fn echo_messages(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let is_data = matches!(message, Message::Text(_) | Message::Binary(_));
        if is_data && socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn serve() -> std::io::Result<()> {
    let ticker = watch::Sender::new(0);
    let app = Router::new()
        .route("/plaintext", get(|| async { "Hello, World!" }))
        .route("/json", get(greet))
        .route("/users/:id", get(user))
        .route("/search", get(search))
        .route("/echo", post(echo))
        .route_service("/file.html", ServeFile::new("../file.html"))
        .route("/events", get(events))
        .route("/ws", get(upgrade))
        .with_state(ticker.clone());
    tokio::spawn(tick(ticker));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut end = signal(SignalKind::terminate())?;
    eprintln!("ready http://{}", listener.local_addr()?);
    tokio::select! {
        result = axum::serve(listener, app).tcp_nodelay(true) => result,
        _ = end.recv() => Ok(()),
    }
}

fn main() -> std::io::Result<()> {
    let workers = std::env::args()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(2);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()?;
    let result = runtime.block_on(serve());
    runtime.shutdown_background();
    result
}
