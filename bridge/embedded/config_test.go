package embedded

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// Design §10: the operator's file says who else may enter, and how; natsgram keeps its own users and its storage.
func TestConfiguration(t *testing.T) {
	cert, key := certificate(t)
	for name, c := range map[string]struct {
		config string
		in     []nats.Option
		out    []nats.Option
	}{
		"users": {config: `authorization { users = [ { user: app, password: hush } ] }`,
			in: []nats.Option{nats.UserInfo("app", "hush")}},
		"one user": {config: `authorization { user: app, password: hush }`,
			in: []nats.Option{nats.UserInfo("app", "hush")}, out: []nats.Option{nats.UserInfo("app", "")}},
		"accounts": {config: `accounts { TG { jetstream: enabled, users: [ { user: app, password: hush } ] } }`,
			in: []nats.Option{nats.UserInfo("app", "hush")}},
		"accounts and a system account": {config: `accounts { TG { jetstream: enabled }, SYS { users: [ { user: sys, password: hush } ] } }, system_account: SYS`,
			out: []nats.Option{nats.UserInfo("app", "hush")}},
		"TLS": {config: fmt.Sprintf(`tls { cert_file: %q, key_file: %q }, authorization { user: app, password: hush }`, cert, key),
			in: []nats.Option{nats.UserInfo("app", "hush"), nats.RootCAs(cert)}},
		"TLS first": {config: fmt.Sprintf(`tls { cert_file: %q, key_file: %q, handshake_first: true }, authorization { user: app, password: hush }`, cert, key),
			in: []nats.Option{nats.UserInfo("app", "hush"), nats.RootCAs(cert), nats.TLSHandshakeFirst()}},
		"leaf nodes, websocket, limits": {config: `leafnodes { host: 127.0.0.1, port: -1 }, websocket { host: 127.0.0.1, port: -1, no_tls: true }, max_payload: 2MB
			jetstream { max_file_store: 1GB, domain: home }, authorization { user: app, password: hush }`,
			in: []nats.Option{nats.UserInfo("app", "hush")}},
		"all addresses": {config: `listen: "0.0.0.0:-1"`},
		"somebody without a name": {config: `authorization { users = [ { user: guest, password: guest } ] }, no_auth_user: guest`,
			in: []nats.Option{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, t.TempDir(), c.config)
			if !strings.Contains(s.ClientURL(), "://127.0.0.1:") {
				t.Error(s.ClientURL())
			}
			if err := enter(t, "", inside(s)...); err != nil {
				t.Errorf("the daemon: %v", err)
			}
			own, err := UserOf(s.dir)
			if err != nil {
				t.Fatal(err)
			}
			tls := []nats.Option{nats.UserInfo(own.Name, own.Password)}
			if strings.HasPrefix(s.ClientURL(), "tls") {
				tls = append(tls, nats.RootCAs(cert))
			}
			if name == "TLS first" {
				tls = append(tls, nats.TLSHandshakeFirst())
			}
			if err := enter(t, s.ClientURL(), tls...); err != nil {
				t.Errorf("commands: %v", err)
			}
			if c.in != nil {
				if err := enter(t, s.ClientURL(), c.in...); err != nil {
					t.Errorf("the file's user: %v", err)
				}
			}
			if c.out != nil {
				if err := enter(t, s.ClientURL(), c.out...); !errors.Is(err, nats.ErrAuthorization) {
					t.Errorf("somebody else: %v", err)
				}
			}
		})
	}
}

func TestLimitsOfTheConfiguration(t *testing.T) {
	s := start(t, t.TempDir(), `max_payload: 2MB, jetstream { max_file_store: 1GB, domain: home }, server_name: mine`)
	v, err := s.srv.Varz(nil)
	if err != nil || v.MaxPayload != 2<<20 || v.Name != "mine" || v.JetStream.Config.MaxStore != 1<<30 || v.JetStream.Config.Domain != "home" {
		t.Errorf("%+v %v", v, err)
	}
	if !strings.HasPrefix(v.JetStream.Config.StoreDir, s.dir) {
		t.Error(v.JetStream.Config.StoreDir)
	}
}

// What natsgram cannot follow is told, with what to do instead, and without anybody's password.
func TestConfigurationsRefused(t *testing.T) {
	for config, want := range map[string]string{
		`jetstream { store_dir: "/elsewhere" }`:                                                       "store_dir",
		`jetstream { sync_interval: 10s }`:                                                            "sync_interval",
		`cluster { name: c, listen: "127.0.0.1:-1" }`:                                                 "NATS_URL",
		`gateway { name: g, listen: "127.0.0.1:-1" }`:                                                 "NATS_URL",
		`log_file: "/tmp/x"`:                                                                          "log_file",
		`debug: true`:                                                                                 "NATSGRAM_LOG_LEVEL",
		`authorization { token: hush }`:                                                               "NATS_TOKEN",
		`authorization { users = [ { user: natsgram, password: hush } ] }`:                            "take another",
		`accounts { A { jetstream: enabled }, B { jetstream: enabled } }`:                             "NATSGRAM_NATS_ACCOUNT",
		`accounts { A { users: [ { user: app, password: hush } ] } }`:                                 "account A has no JetStream",
		`authorization { users = [ { user: app, password: $hush } ] }`:                                "quotes",
		`authorization { users = [ { user: app, password: hush, permission: x } ] }`:                  "permission",
		`authorization { users = [ { user: app, passwrd: hush } ] }`:                                  "passwrd",
		`authorization { users = [ { user: app, password: "hush" "hush" } ] }`:                        "nats.conf",
		`authorization { users = [ { user: app, password: hush }, { user: app, password: hush2 } ] }`: "",
		`authorization { auth_callout { issuer: AAB, users: [ x ] } }`:                                "",
		`nonsense: 1`: "nonsense",
	} {
		c := guarded(t, t.TempDir(), config)
		s, err := Start(c)
		if s != nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %q", config, err, want)
		}
	}
	c := guarded(t, t.TempDir(), `accounts { A { jetstream: enabled }, B { jetstream: enabled } }`)
	c.Account = "C"
	if _, err := Start(c); err == nil || !strings.Contains(err.Error(), "A, B") {
		t.Error(err)
	}
	c.Account = "B"
	s, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	c.File += ".none"
	if _, err := Start(c); err == nil || !strings.Contains(err.Error(), c.File) {
		t.Error(err)
	}
}

// certificate is one for 127.0.0.1, that signs itself.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := x509.MarshalPKCS8PrivateKey(private)
	dir := t.TempDir()
	for name, b := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}
