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

// configured takes the answer to a later help.getConfig.
func (l *link) configured(k *call) {
	body, e := k.result(method{name: "help.getConfig"}, l.id)
	l.c.freeCall(k)
	if e != nil {
		l.c.o.Log.Warn("no new config", "dc", l.id, "error", e)
		l.mu.Lock()
		l.configAt = time.Now().Add(max(configRetry, RetryAfter(e)))
		l.mu.Unlock()
		return
	}
	l.config(body)
}

// config takes a Config: its addresses are persisted (D5). What cannot be read is left as it was.
func (l *link) config(body []byte) {
	v, err := l.c.o.Schema.View(body)
	if err != nil || v.Name() != "config" {
		l.c.o.Log.Warn("config cannot be read", "dc", l.id, "error", err)
		return
	}
	now := time.Now()
	left := min(max(time.Duration(v.Int("expires")-v.Int("date"))*time.Second, configLeast), configMost)
	l.mu.Lock()
	l.configAt = now.Add(left)
	l.mu.Unlock()
	if !l.home() {
		return
	}
	cfg := readConfig(v)
	cfg.Expires, cfg.Options = now.Add(left), shared(cfg.Options)
	if len(cfg.Options) == 0 {
		return
	}
	l.c.changeLater(func(s *State) { s.Config = cfg })
	l.c.files.readdressed()
	online := time.Duration(v.Int("online_update_period_ms")) * time.Millisecond
	l.c.emit(ConfigUpdated{Options: len(cfg.Options), Expires: cfg.Expires, OnlineEvery: online})
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
