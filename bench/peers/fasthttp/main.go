// fasthttp has no router and no validator: the usual few lines stand for them.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-playground/validator/v10"
	"github.com/valyala/fasthttp"
)

// "required" refuses zero values too: that is how the validator sees a missing member.
type address struct {
	Street string `json:"street" validate:"required"`
	City   string `json:"city" validate:"required"`
	Zip    string `json:"zip" validate:"required"`
}

type order struct {
	ID      int64    `json:"id" validate:"required"`
	Name    string   `json:"name" validate:"required,min=1,max=100"`
	Email   string   `json:"email" validate:"required"`
	Tags    []string `json:"tags" validate:"required,max=16"`
	Address address  `json:"address" validate:"required"`
	Note    string   `json:"note" validate:"required,max=1000"`
}

type search struct {
	Q    string `json:"q"`
	Page int    `json:"page"`
}

type message struct {
	Message string `json:"message"`
}

type user struct {
	ID string `json:"id"`
}

var (
	validate = validator.New()
	files    = (&fasthttp.FS{Root: ".."}).NewRequestHandler()
)

func sendJSON(ctx *fasthttp.RequestCtx, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		ctx.Error("not JSON", fasthttp.StatusInternalServerError)
		return
	}
	ctx.SetContentType("application/json")
	ctx.SetBody(body)
}

func find(ctx *fasthttp.RequestCtx) {
	page, err := ctx.QueryArgs().GetUint("page")
	if err != nil {
		ctx.Error("not a search", fasthttp.StatusBadRequest)
		return
	}
	sendJSON(ctx, search{string(ctx.QueryArgs().Peek("q")), page})
}

func echo(ctx *fasthttp.RequestCtx) {
	var received order
	if json.Unmarshal(ctx.PostBody(), &received) != nil || validate.Struct(received) != nil {
		ctx.Error("not an order", fasthttp.StatusBadRequest)
		return
	}
	sendJSON(ctx, received)
}

func route(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	switch {
	case path == "/plaintext":
		ctx.SetContentType("text/plain")
		ctx.SetBodyString("Hello, World!")
	case path == "/json":
		sendJSON(ctx, message{"Hello, World!"})
	case strings.HasPrefix(path, "/users/"):
		sendJSON(ctx, user{strings.TrimPrefix(path, "/users/")})
	case path == "/search":
		find(ctx)
	case path == "/echo" && ctx.IsPost():
		echo(ctx)
	case path == "/file.html":
		files(ctx)
	default:
		ctx.Error("not found", fasthttp.StatusNotFound)
	}
}

func main() {
	workers := 2
	if len(os.Args) > 1 {
		workers, _ = strconv.Atoi(os.Args[1])
	}
	runtime.GOMAXPROCS(workers)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go func() { panic(fasthttp.Serve(listener, route)) }()
	fmt.Fprintf(os.Stderr, "ready http://%s\n", listener.Addr())
	<-end
}
