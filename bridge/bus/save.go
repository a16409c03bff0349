package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/private"
	"github.com/natsgram/natsgram/bridge/settings"
)

// SaveContext writes a context of the nats CLI that leads to the server of this state folder, as its user. It replaces what it
// wrote before, and something else only with force.
func SaveContext(s settings.Settings, name string, force bool) (file string, err error) {
	if s.External() {
		return "", errors.New("NATS is yours (NATS_URL, NATS_CONTEXT ...), so the context is too: nats context save")
	}
	if file, err = ContextFile(name); err != nil {
		return "", err
	}
	c := saved{Description: "natsgram: the NATS server of " + s.StateDir}
	if !force && !replaceable(file, c.Description) {
		return "", fmt.Errorf("%s is not by natsgram for this state folder: choose another name, or --force", file)
	}
	if err := c.local(s); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	return file, private.Replace(file, string(text))
}

// replaceable reports whether a file is not there, or is a context with this description.
func replaceable(file, description string) bool {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	var c saved
	return err == nil && json.Unmarshal(text, &c) == nil && c.Description == description
}

// local fills in where the state folder's server is, or will be, and how to sign in there.
func (c *saved) local(s settings.Settings) error {
	c.URL = embedded.Running(s.StateDir)
	if c.URL == "" && s.Port > 0 && s.Config == "" {
		c.URL = "nats://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	}
	if c.URL == "" {
		return errors.New("no daemon runs, and its address is not known before: start `natsgram serve` first")
	}
	c.User, c.Password, c.Token, c.Creds, c.NKey = s.User, s.Password, s.Token, s.Creds, s.NKey
	c.CA, c.Cert, c.Key, c.InboxPrefix = s.CA, s.Cert, s.Key, s.Inbox
	if s.SignsIn() {
		return nil
	}
	user, err := embedded.MakeUser(s.StateDir)
	c.User, c.Password = user.Name, user.Password
	return err
}
