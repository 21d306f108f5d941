package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/websocket"
)

// "required" refuses zero values too: that is how Gin's validator sees a missing member.
type address struct {
	Street string `json:"street" binding:"required"`
	City   string `json:"city" binding:"required"`
	Zip    string `json:"zip" binding:"required"`
}

type order struct {
	ID      int64    `json:"id" binding:"required"`
	Name    string   `json:"name" binding:"required,min=1,max=100"`
	Email   string   `json:"email" binding:"required"`
	Tags    []string `json:"tags" binding:"required,max=16"`
	Address address  `json:"address" binding:"required"`
	Note    string   `json:"note" binding:"required,max=1000"`
}

type search struct {
	Q    string `form:"q" json:"q"`
	Page int    `form:"page" json:"page"`
}

type message struct {
	Message string `json:"message"`
}

type user struct {
	ID string `json:"id"`
}

func find(c *gin.Context) {
	var found search
	if err := c.ShouldBindQuery(&found); err != nil {
		c.String(http.StatusBadRequest, "not a search")
		return
	}
	c.JSON(http.StatusOK, found)
}

func echo(c *gin.Context) {
	var received order
	if err := c.ShouldBindJSON(&received); err != nil {
		c.String(http.StatusBadRequest, "not an order")
		return
	}
	c.JSON(http.StatusOK, received)
}

func events(c *gin.Context) {
	ticks := subscribe()
	defer unsubscribe(ticks)
	c.Header("Content-Type", "text/event-stream")
	c.Header("Cache-Control", "no-cache")
	c.Stream(func(w io.Writer) bool {
		select {
		case number := <-ticks:
			fmt.Fprintf(w, "data: %d\n\n", number)
			return true
		case <-c.Request.Context().Done():
			return false
		}
	})
}

var upgrader websocket.Upgrader

func echoMessages(c *gin.Context) {
	socket, err := upgrader.Upgrade(c.Writer, c.Request, nil)
	if err != nil {
		return
	}
	defer socket.Close()
	for {
		kind, text, err := socket.ReadMessage()
		if err != nil || socket.WriteMessage(kind, text) != nil {
			return
		}
	}
}

func main() {
	workers := 2
	if len(os.Args) > 1 {
		workers, _ = strconv.Atoi(os.Args[1])
	}
	runtime.GOMAXPROCS(workers)
	gin.SetMode(gin.ReleaseMode)

	app := gin.New()
	app.GET("/plaintext", func(c *gin.Context) { c.String(http.StatusOK, "Hello, World!") })
	app.GET("/json", func(c *gin.Context) { c.JSON(http.StatusOK, message{"Hello, World!"}) })
	app.GET("/users/:id", func(c *gin.Context) { c.JSON(http.StatusOK, user{c.Param("id")}) })
	app.GET("/search", find)
	app.POST("/echo", echo)
	app.StaticFile("/file.html", "../file.html")
	app.GET("/events", events)
	app.GET("/ws", echoMessages)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go func() { panic(http.Serve(listener, app)) }()
	fmt.Fprintf(os.Stderr, "ready http://%s\n", listener.Addr())
	<-end
}
