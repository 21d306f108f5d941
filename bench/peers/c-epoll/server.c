// The limit of the machine: a thread per core, each with its own listener (SO_REUSEPORT) and its own epoll.
// It understands GET with keep-alive and pipelining and no more: no bodies, no checks of framing, no
// time-outs. It is a control, not a server to use. `server WORKERS` prints `ready http://…` on stderr;
// SIGTERM ends it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN = 16384, OUT = 65536, EVENTS = 256, MAX_RESPONSE = 512 };

// What a client has sent of a request that is not complete yet.
struct connection {
  int fd;
  size_t used;
  char bytes[IN];
};

struct out {
  size_t used;
  char bytes[OUT];
};

static int port;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int listen_on(int wanted) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(wanted)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  if (listen(fd, 4096) < 0) die("listen");
  socklen_t size = sizeof address;
  getsockname(fd, (struct sockaddr *)&address, &size);
  port = ntohs(address.sin_port);
  return fd;
}

static void respond(struct out *out, const char *status, const char *type, const char *body, size_t length,
                    int close) {
  out->used += sprintf(out->bytes + out->used,
                       "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n%.*s", status, type,
                       length, close ? "Connection: close\r\n" : "", (int)length, body);
}

static void respond_json(struct out *out, const char *body, size_t length, int close) {
  respond(out, "200 OK", "application/json", body, length, close);
}

static int begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

// The head of one request, without the empty line. Its response is appended to `out`.
static void serve(struct out *out, char *head, int close) {
  char body[256];
  if (begins(head, "GET /plaintext ")) {
    respond(out, "200 OK", "text/plain", "Hello, World!", 13, close);
  } else if (begins(head, "GET /json ")) {
    int length = snprintf(body, sizeof body, "{\"message\":\"%s\"}", "Hello, World!");
    respond_json(out, body, length, close);
  } else if (begins(head, "GET /users/")) {
    char *id = head + strlen("GET /users/");
    int length = snprintf(body, sizeof body, "{\"id\":\"%.*s\"}", (int)strcspn(id, " /?"), id);
    if (length >= (int)sizeof body) respond(out, "414 URI Too Long", "text/plain", "", 0, close);
    else respond_json(out, body, length, close);
  } else if (begins(head, "GET /health ")) {
    char text[64];
    time_t now = time(NULL);
    struct tm utc;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    int length = snprintf(body, sizeof body, "{\"status\":\"healthy\",\"timestamp\":\"%s\"}", text);
    respond_json(out, body, length, close);
  } else {
    respond(out, "404 Not Found", "text/plain", "", 0, close);
  }
}

static void end(struct connection *connection) {
  close(connection->fd);
  free(connection);
}

// Responses of up to 64 KiB fit into the socket buffer of a client that reads. Another client is closed.
static int flush(struct connection *connection, struct out *out) {
  ssize_t sent = out->used == 0 ? 0 : send(connection->fd, out->bytes, out->used, MSG_NOSIGNAL);
  int complete = sent == (ssize_t)out->used;
  out->used = 0;
  return complete;
}

static void readable(struct connection *connection, struct out *out) {
  ssize_t got = recv(connection->fd, connection->bytes + connection->used, IN - 1 - connection->used, 0);
  if (got <= 0) {
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    end(connection);
    return;
  }
  connection->used += got;
  connection->bytes[connection->used] = 0;
  char *head = connection->bytes, *stop;
  int last = 0;
  while (!last && (stop = memmem(head, connection->bytes + connection->used - head, "\r\n\r\n", 4))) {
    *stop = 0;
    last = strcasestr(head, "\r\nconnection: close") != NULL;
    serve(out, head, last);
    head = stop + 4;
    if (out->used > OUT - MAX_RESPONSE && !flush(connection, out)) last = 1;
  }
  connection->used -= head - connection->bytes;
  memmove(connection->bytes, head, connection->used);
  if (!flush(connection, out) || last || connection->used == IN - 1) end(connection);
}

static void accept_all(int listener, int loop) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct connection *connection = malloc(sizeof *connection);
    if (connection == NULL) {
      close(fd);
      return;
    }
    connection->fd = fd;
    connection->used = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0) end(connection);
  }
}

static void *run(void *argument) {
  int listener = (int)(long)argument, loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
  struct out *out = calloc(1, sizeof *out);
  if (loop < 0 || out == NULL || epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll");
  int count;
  while ((count = epoll_wait(loop, events, EVENTS, -1)) >= 0 || errno == EINTR) {
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr == NULL) accept_all(listener, loop);
      else readable(events[i].data.ptr, out);
    }
  }
  return NULL;
}

int main(int argc, char **argv) {
  int workers = argc > 1 ? atoi(argv[argc - 1]) : 2;
  if (workers < 1) workers = 1;
  int *listeners = calloc(workers, sizeof *listeners);
  for (int i = 0; i < workers; i++) listeners[i] = listen_on(port);
  for (int i = 0; i < workers; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, (void *)(long)listeners[i])) die("pthread_create");
  }
  fprintf(stderr, "ready http://127.0.0.1:%d\n", port);
  pause();
}
