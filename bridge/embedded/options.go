package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// options are those of the operator's file, if there is one, with what is natsgram's to decide.
func (c Config) options() (*server.Options, error) {
	o := &server.Options{}
	if c.File != "" {
		var err error
		if o, err = server.ProcessConfigFile(c.File); err != nil {
			return nil, fmt.Errorf("%s: %w", c.File, unreadable(err))
		}
		if err := c.refused(o); err != nil {
			return nil, fmt.Errorf("%s: %w", c.File, err)
		}
	}
	o.ServerName = cmp.Or(o.ServerName, "natsgram-embedded")
	o.Host = cmp.Or(o.Host, host)
	o.Port = cmp.Or(o.Port, c.Port, server.RANDOM_PORT)
	o.MaxPayload = cmp.Or(o.MaxPayload, c.MaxPayload, MaxPayload)
	o.JetStream, o.StoreDir, o.SyncAlways, o.NoSigs = true, c.Dir, !c.NoSync, true
	return o, nil
}

// variable is how nats-server speaks of what follows a $ that it took for a variable's name: it may be a hashed password.
var variable = regexp.MustCompile(`variable reference for '.*?'`)

func unreadable(err error) error {
	text := variable.ReplaceAllString(err.Error(), "a variable that is set nowhere (put values that begin with $ in quotes)")
	return errors.New(text)
}

// refused says which part of a configuration the embedded server cannot follow.
func (c Config) refused(o *server.Options) error {
	same := func(dir string) bool {
		a, _ := filepath.Abs(dir)
		b, _ := filepath.Abs(c.Dir)
		return a == b
	}
	switch {
	case o.StoreDir != "" && !same(o.StoreDir):
		return fmt.Errorf("store_dir: JetStream's data is in natsgram's state folder, %s; leave it out, or set NATSGRAM_STATE_DIR", c.Dir)
	case o.SyncInterval != 0 && !o.SyncAlways:
		return errors.New("sync_interval: natsgram syncs every write before it says that it is stored; leave it out, or write always")
	case o.Cluster.Port != 0 || o.Cluster.Name != "" || len(o.Routes) > 0 || o.Gateway.Name != "":
		return errors.New("cluster, gateway: the NATS server inside natsgram is alone; for a cluster run nats-server and set NATS_URL")
	case o.LogFile != "" || o.Syslog || o.RemoteSyslog != "" || o.Debug || o.Trace:
		return errors.New("log_file, syslog, debug, trace: the server says what it has to say on natsgram's log (NATSGRAM_LOG_LEVEL)")
	}
	return nil
}

// addUsers gives the process and the commands of its owner a user each, and so lets in nobody else but the file's own.
func (c Config) addUsers(o *server.Options) (daemon User, err error) {
	if err := signsInOtherwise(o); err != nil {
		return daemon, fmt.Errorf("%s: %w", c.File, err)
	}
	if o.Username != "" {
		o.Users = append(o.Users, &server.User{Username: o.Username, Password: o.Password})
		o.Username, o.Password = "", ""
	}
	account, err := c.account(o)
	if err != nil {
		return daemon, fmt.Errorf("%s: %w", c.File, err)
	}
	own, err := MakeUser(c.Dir)
	if err != nil {
		return daemon, err
	}
	daemon = User{daemonName, newPassword()}
	inside := map[string]struct{}{"IN_PROCESS": {}}
	for u, ways := range map[User]map[string]struct{}{own: nil, daemon: inside} {
		if slices.ContainsFunc(o.Users, func(other *server.User) bool { return other.Username == u.Name }) {
			return daemon, fmt.Errorf("%s: user %s: natsgram makes a user of this name by itself; take another", c.File, u.Name)
		}
		hashed, err := hash(u.Password)
		if err != nil {
			return daemon, err
		}
		o.Users = append(o.Users, &server.User{Username: u.Name, Password: hashed, Account: account, AllowedConnectionTypes: ways})
	}
	return daemon, nil
}

// asks reports whether a configuration has everybody say who they are.
func asks(o *server.Options) bool {
	return len(o.Users) > 0 || len(o.Nkeys) > 0 || o.Username != "" || o.Authorization != "" || o.AuthCallout != nil ||
		len(o.TrustedKeys) > 0 || len(o.TrustedOperators) > 0
}

// signsInOtherwise says where natsgram cannot make a user of its own, and has to be given one.
func signsInOtherwise(o *server.Options) error {
	const give = "; give natsgram a user there, and say which by NATS_CREDS, NATS_TOKEN, NATS_USER and the like"
	switch {
	case len(o.TrustedKeys) > 0 || len(o.TrustedOperators) > 0:
		return errors.New("operator mode: users are made by the operator" + give)
	case o.AuthCallout != nil:
		return errors.New("auth_callout: users are judged elsewhere" + give)
	case o.Authorization != "":
		return errors.New("authorization: a token stands for all users" + give)
	}
	return nil
}

// account is the NATS account that natsgram is in; nil: the global one.
func (c Config) account(o *server.Options) (*server.Account, error) {
	var all []*server.Account
	var names []string
	for _, a := range o.Accounts {
		if a.GetName() != o.SystemAccount {
			all, names = append(all, a), append(names, a.GetName())
		}
	}
	i := slices.Index(names, c.Account)
	slices.Sort(names) // as they are told
	switch {
	case i >= 0:
		return all[i], nil
	case c.Account != "":
		return nil, fmt.Errorf("there is no account %s (NATSGRAM_NATS_ACCOUNT): it has %s", c.Account, cmp.Or(strings.Join(names, ", "), "none"))
	case len(all) > 1:
		return nil, fmt.Errorf("it has the accounts %s: say by NATSGRAM_NATS_ACCOUNT in which natsgram is", strings.Join(names, ", "))
	case len(all) == 1:
		return all[0], nil
	}
	return nil, nil //nolint:nilnil // the global account
}

// globalAccount is where everything is when the configuration has no accounts.
const globalAccount = "$G"

// moved says that the folder's data belongs to another account than natsgram is in now: it would begin anew, without its sessions.
func (c Config) moved(account string) error {
	if holdsSessions(c.store(account)) {
		return nil
	}
	folders, _ := filepath.Glob(c.store("*"))
	for _, f := range folders {
		if holdsSessions(f) {
			to := c.store(account)
			if _, err := os.Stat(to); err == nil {
				to += ", in the place of the empty one,"
			}
			return fmt.Errorf("the state folder's data is of the NATS account %s, and natsgram is in %s now (NATSGRAM_NATS_CONFIG, NATSGRAM_NATS_ACCOUNT): to take it along, rename the folder %s to %s while nothing runs",
				filepath.Base(f), account, f, to)
		}
	}
	return nil
}

// store is the folder of an account's data, as nats-server names it.
func (c Config) store(account string) string {
	return filepath.Join(c.Dir, server.JetStreamStoreDir, account)
}

// holdsSessions reports whether an account's folder has a bucket of sessions, of whatever prefix.
func holdsSessions(folder string) bool {
	names, err := filepath.Glob(filepath.Join(folder, "streams", "KV_*_SESSIONS"))
	return err == nil && len(names) > 0
}
