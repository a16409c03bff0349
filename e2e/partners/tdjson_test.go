package partners

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ebitengine/purego"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// td is TDLib's JSON interface, of the shared library that its npm package has.
type td struct {
	create  func() int32
	send    func(client int32, request string)
	receive func(timeout float64) string
	execute func(request string) string

	mu      sync.Mutex
	clients map[int32]*tdClient
}

// tdlib loads TDLib once; a library cannot be let go of again.
var tdlib = sync.OnceValues(loadTDLib)

// rsaHead begins each of the public keys that are compiled into TDLib, as text.
var rsaHead = []byte("-----BEGIN RSA PUBLIC KEY-----\n")

// loadTDLib loads a copy of the library in which the box's key stands in the place of Telegram's. All keys of 2048 bits with
// this exponent are equally long as text.
func loadTDLib() (*td, error) {
	dir, err := packages()
	if err != nil {
		return nil, err
	}
	lib, err := os.ReadFile(filepath.Join(dir, "node_modules", "@prebuilt-tdlib", "linux-x64-glibc", "libtdjson.so"))
	if err != nil {
		return nil, err
	}
	s, err := mttest.Start(mttest.Config{InMemory: true})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	key := bytes.TrimRight(s.Env().Keys[0].AppendPEM(nil), "\n")
	replaced := 0
	for at := 0; ; replaced++ {
		i := bytes.Index(lib[at:], rsaHead)
		if i < 0 {
			break
		}
		at += i
		if end := bytes.Index(lib[at:], []byte("-----END RSA PUBLIC KEY-----")); end+28 == len(key) {
			copy(lib[at:], key)
		}
		at += len(rsaHead)
	}
	if replaced == 0 {
		return nil, errors.New("there is no public key in TDLib to be replaced")
	}
	file := filepath.Join(dir, "libtdjson-box.so")
	if err := os.WriteFile(file, lib, 0o700); err != nil {
		return nil, err
	}
	handle, err := purego.Dlopen(file, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	t := &td{clients: map[int32]*tdClient{}}
	purego.RegisterLibFunc(&t.create, handle, "td_create_client_id")
	purego.RegisterLibFunc(&t.send, handle, "td_send")
	purego.RegisterLibFunc(&t.receive, handle, "td_receive")
	purego.RegisterLibFunc(&t.execute, handle, "td_execute")
	t.execute(`{"@type":"setLogVerbosityLevel","new_verbosity_level":0}`)
	go t.loop()
	return t, nil
}

// loop hands out what TDLib says. One goroutine may call td_receive.
func (t *td) loop() {
	for {
		text := t.receive(10)
		if text == "" {
			continue
		}
		var m object
		if json.Unmarshal([]byte(text), &m) != nil {
			continue
		}
		id, _ := m["@client_id"].(float64)
		t.mu.Lock()
		c := t.clients[int32(id)]
		t.mu.Unlock()
		if c != nil {
			c.take(m)
		}
	}
}

// object is one of TDLib's, by its JSON.
type object map[string]any

func (o object) name() string { return o.text("@type") }

func (o object) text(field string) string { s, _ := o[field].(string); return s }

func (o object) number(field string) int64 {
	switch n := o[field].(type) {
	case float64:
		return int64(n)
	case string:
		var v int64
		_, _ = fmt.Sscan(n, &v)
		return v
	}
	return 0
}

func (o object) in(fields ...string) object {
	for _, f := range fields {
		o, _ = object(o)[f].(map[string]any)
	}
	return o
}

func (o object) list(field string) (all []object) {
	items, _ := o[field].([]any)
	for _, x := range items {
		if m, ok := x.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

// tdClient is one instance of TDLib.
type tdClient struct {
	t  *testing.T
	td *td
	id int32

	mu      sync.Mutex
	extra   int
	waiting map[string]chan object
	updates []object
	changed chan struct{}
	state   string // of the authorization
	closed  bool
}

// needTDLib is TDLib, for tests that cannot do without it.
func needTDLib(t *testing.T) *td {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("TDLib is to be had built for linux/amd64 alone")
	}
	needNode(t)
	lib, err := tdlib()
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

func (t *td) client(test *testing.T) *tdClient {
	c := &tdClient{t: test, td: t, id: t.create(), waiting: map[string]chan object{}, changed: make(chan struct{})}
	t.mu.Lock()
	t.clients[c.id] = c
	t.mu.Unlock()
	return c
}

// close ends the instance; it may be called again.
func (c *tdClient) close() {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if !closed {
		c.call(object{"@type": "close"})
		c.reaches("authorizationStateClosed")
	}
}

func (c *tdClient) take(m object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if extra := m.text("@extra"); extra != "" {
		if ch := c.waiting[extra]; ch != nil {
			delete(c.waiting, extra)
			ch <- m
		}
		return
	}
	if m.name() == "updateAuthorizationState" {
		c.state = m.in("authorization_state").name()
	}
	c.updates = append(c.updates, m)
	close(c.changed)
	c.changed = make(chan struct{})
}

const patience = 60 * time.Second

// try makes a request and waits for what comes of it, which may be an error.
func (c *tdClient) try(request object) object {
	c.t.Helper()
	ch := make(chan object, 1)
	c.mu.Lock()
	c.extra++
	extra := fmt.Sprint(c.extra)
	c.waiting[extra] = ch
	c.mu.Unlock()
	request["@extra"] = extra
	text, err := json.Marshal(request)
	if err != nil {
		c.t.Fatal(err)
	}
	c.td.send(c.id, string(text))
	select {
	case m := <-ch:
		return m
	case <-time.After(patience):
		c.t.Fatalf("TDLib does not answer %s", request.name())
		return nil
	}
}

// call is try, for what must not fail.
func (c *tdClient) call(request object) object {
	c.t.Helper()
	m := c.try(request)
	if m.name() == "error" {
		c.t.Fatalf("%s: %d %s", request.name(), m.number("code"), m.text("message"))
	}
	return m
}

// until waits for something that a new update may make true.
func (c *tdClient) until(what string, ok func() bool) {
	c.t.Helper()
	limit := time.After(patience)
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-limit:
			c.t.Fatalf("TDLib: %s never happens", what)
		}
	}
}

// saw is the updates so far of that type which a condition picks.
func (c *tdClient) saw(name string, pick func(object) bool) (found []object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range c.updates {
		if u.name() == name && (pick == nil || pick(u)) {
			found = append(found, u)
		}
	}
	return found
}

// reaches waits for a state of the authorization.
func (c *tdClient) reaches(state string) {
	c.t.Helper()
	c.until(state, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.state == state
	})
}
