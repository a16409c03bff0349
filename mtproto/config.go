package mtproto

import (
	"net"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/tl/codec"
)

const (
	configLeast = 5 * time.Minute // help.getConfig is not called more often than that for its expiry,
	configMost  = 24 * time.Hour  // and not less often than that,
	configRetry = 10 * time.Minute
	configAgain = time.Minute // between two calls, however often Telegram says that it has changed
	optionsMost = 256         // addresses that are kept
)

// configTimes is when help.getConfig is due at a link. It is under the link's lock.
type configTimes struct {
	at  time.Time // when it is due again (D5)
	had time.Time // when it was last called beside initConnection
}

// next calls help.getConfig where that is due, and returns how long it is not.
func (t *configTimes) next(l *link, now time.Time) time.Duration {
	if !now.Before(t.at) {
		t.at, t.had = now.Add(configRetry), now
		l.calls.start(l.c.encoded.getConfig, func(k *rpc) { t.answered(l, k) })
		l.conn.Wake()
	}
	return t.at.Sub(now)
}

// refresh has help.getConfig called soon.
func (t *configTimes) refresh(l *link) {
	l.conn.Lock()
	defer l.conn.Unlock()
	if soonest := t.had.Add(configAgain); soonest.Before(t.at) {
		t.at = soonest
	}
	l.conn.Wake()
}

// set notes when the config is due.
func (t *configTimes) set(l *link, at time.Time) {
	l.conn.Lock()
	defer l.conn.Unlock()
	t.at = at
}

// answered takes the answer to a later help.getConfig.
func (t *configTimes) answered(l *link, k *rpc) {
	body, e := k.result(method{name: "help.getConfig"}, l.id)
	l.c.rpcs.put(k)
	if e != nil {
		l.c.o.Log.Warn("no new config", "dc", l.id, "error", e)
		t.set(l, time.Now().Add(max(configRetry, RetryAfter(e))))
		return
	}
	t.read(l, body)
}

// read takes a Config: its addresses are persisted (D5). What cannot be read is left as it was.
func (t *configTimes) read(l *link, body []byte) {
	v, err := l.c.o.Schema.View(body)
	if err != nil || v.Name() != "config" {
		l.c.o.Log.Warn("config cannot be read", "dc", l.id, "error", err)
		return
	}
	now := time.Now()
	left := min(max(time.Duration(v.Int("expires")-v.Int("date"))*time.Second, configLeast), configMost)
	t.set(l, now.Add(left))
	if !l.home() {
		return
	}
	cfg := readConfig(v)
	cfg.Expires, cfg.Options = now.Add(left), shared(cfg.Options)
	if len(cfg.Options) == 0 {
		return
	}
	l.c.store.changeLater(func(s *State) { s.Config = cfg })
	l.c.files.readdressed()
	online := time.Duration(v.Int("online_update_period_ms")) * time.Millisecond
	l.c.events.emit(ConfigUpdated{Options: len(cfg.Options), Expires: cfg.Expires, OnlineEvery: online})
}

func readConfig(v codec.View) ServerConfig {
	cfg := ServerConfig{ThisDC: int(v.Int("this_dc")), ForceTryIPv6: v.Bool("force_try_ipv6")}
	for o := range v.Objects("dc_options") {
		if opt, ok := readOption(o); ok && len(cfg.Options) < optionsMost {
			cfg.Options = append(cfg.Options, opt)
		}
	}
	return cfg
}

// common are the addresses that this process was told last, the same for most of its accounts, which share them then.
var common atomic.Pointer[[]dc.Option]

func shared(options []dc.Option) []dc.Option {
	if len(options) == 0 {
		return nil
	}
	if p := common.Load(); p != nil && reflect.DeepEqual(*p, options) {
		return *p
	}
	common.Store(&options)
	return options
}

// readOption reads a dcOption, unless it makes no sense.
func readOption(v codec.View) (dc.Option, bool) {
	port := v.Int("port")
	o := dc.Option{
		ID: int(v.Int("id")), Addr: net.JoinHostPort(v.Str("ip_address"), strconv.FormatInt(port, 10)),
		IPv6: v.Bool("ipv6"), MediaOnly: v.Bool("media_only"), CDN: v.Bool("cdn"), Static: v.Bool("static"),
		TCPObfuscatedOnly: v.Bool("tcpo_only"), ThisPortOnly: v.Bool("this_port_only"),
	}
	if v.Has("secret") {
		o.Secret = append(o.Secret, v.Bytes("secret")...)
	}
	return o, o.ID > 0 && o.ID <= dc.MaxID && port > 0 && port < 1<<16 && v.Str("ip_address") != ""
}
