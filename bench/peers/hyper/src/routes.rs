// hyper has no router and no serializer: the usual few lines with serde stand for them.
use crate::order::Order;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderValue, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

type Reply = Response<Full<Bytes>>;

#[derive(Serialize)]
struct Greeting {
    message: &'static str,
}

const GREETING: Greeting = Greeting {
    message: "Hello, World!",
};

#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
}

#[derive(Deserialize, Serialize)]
struct Search {
    q: String,
    page: i64,
}

pub async fn route(request: Request<Incoming>) -> Result<Reply, hyper::Error> {
    let path = request.uri().path();
    if let Some(id) = path.strip_prefix("/users/") {
        return Ok(json(&User { id }));
    }
    match (request.method(), path) {
        (&Method::GET, "/plaintext") => Ok(reply("text/plain", "Hello, World!".into())),
        (&Method::GET, "/json") => Ok(json(&GREETING)),
        (&Method::GET, "/search") => Ok(search(request.uri().query())),
        (&Method::POST, "/echo") => Ok(echo(&request.into_body().collect().await?.to_bytes())),
        _ => Ok(refuse(StatusCode::NOT_FOUND)),
    }
}

fn search(query: Option<&str>) -> Reply {
    match serde_urlencoded::from_str::<Search>(query.unwrap_or_default()) {
        Ok(search) => json(&search),
        Err(_) => refuse(StatusCode::BAD_REQUEST),
    }
}

fn echo(body: &[u8]) -> Reply {
    match serde_json::from_slice::<Order>(body) {
        Ok(order) if order.is_valid() => json(&order),
        _ => refuse(StatusCode::BAD_REQUEST),
    }
}

fn json(value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => reply("application/json", body.into()),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn reply(kind: &'static str, body: Bytes) -> Reply {
    let mut response = Response::new(Full::new(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn refuse(status: StatusCode) -> Reply {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
