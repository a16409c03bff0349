package bridge

// What commands do, with and without a daemon running.

import (
	"context"
	"io"

	"github.com/natsgram/natsgram/bridge/backing"
	"github.com/natsgram/natsgram/bridge/backup"
	"github.com/natsgram/natsgram/bridge/control"
	"github.com/natsgram/natsgram/bridge/files/jobs"
	"github.com/natsgram/natsgram/bridge/health"
	"github.com/natsgram/natsgram/bridge/layer"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/signin"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// Storage opens what natsgram keeps in JetStream, for a command: nothing of it is changed by that. It works with and without a
// daemon running.
func Storage(ctx context.Context, s Settings, o Options) (st *storage.Storage, done func(), err error) {
	b, err := backing.Reach(ctx, o.filled().backing(s))
	if err != nil {
		return nil, nil, err
	}
	return b.Storage, b.Close, nil
}

// Backup writes what cannot be made again. Checked is false where there is no secret here to tell sessions by from other records.
func Backup(ctx context.Context, s Settings, o Options, w io.Writer, updates bool) (m backup.Manifest, checked bool, err error) {
	st, done, err := Storage(ctx, s, o)
	if err != nil {
		return m, false, err
	}
	defer done()
	keys, err := backing.Keys(s)
	if err != nil {
		return m, false, err
	}
	m, err = backup.Write(ctx, st, w, backup.Options{Version: o.Version, Keys: keys, Updates: updates})
	return m, len(keys) > 0, err
}

// Restore puts a backup into place.
func Restore(ctx context.Context, s Settings, o Options, b *backup.Backup, force bool) (backup.Restored, error) {
	st, done, err := Storage(ctx, s, o)
	if err != nil {
		return backup.Restored{}, err
	}
	defer done()
	keys, err := backing.Keys(s)
	if err != nil {
		return backup.Restored{}, err
	}
	return b.Restore(ctx, st, backup.How{Keys: keys, Force: force})
}

// Rotation is what came of changing the secret.
type Rotation = backing.Rotation

// sealed are the buckets that have something sealed, beside the sessions.
var sealed = []backing.Sealed{
	{Bucket: storage.Peers, Purpose: "peers", Reseal: peers.Reseal},
	{Bucket: storage.Once, Purpose: "once", Reseal: once.Reseal},
	{Bucket: storage.Transfers, Purpose: "files", Reseal: jobs.Reseal},
}

// RotateSecret seals every session, and what is sealed in other buckets, with the secret of the settings: NATSGRAM_SECRET, or a new key file where a key
// file is used. What else the settings know opens them. It can be interrupted anywhere and called again.
func RotateSecret(ctx context.Context, s Settings, o Options) (Rotation, error) {
	return backing.RotateSecret(ctx, o.filled().backing(s), sealed)
}

// What commands ask with and are answered: described in the packages signin, control and health.
type (
	SignIn   = signin.SignIn
	SignedIn = signin.SignedIn
	Account  = control.Account
	Health   = health.Health
	Problem  = health.Problem
)

// Login signs an account in and stores its session sealed in the vault, where a running daemon finds it at once. It works
// with and without a daemon running.
func Login(ctx context.Context, s Settings, o Options, in SignIn) (SignedIn, error) {
	o = o.filled()
	if err := subjects.CheckAccount(in.Account); err != nil {
		return SignedIn{}, err
	}
	c := signin.Config{Settings: s, Version: o.Version, Log: o.Log}
	var err error
	if c.Env, err = layer.Environment(s, o.Env); err != nil {
		return SignedIn{}, err
	}
	if c.Layer, err = layer.Read(s); err != nil {
		return SignedIn{}, err
	}
	b, err := backing.Command(ctx, o.backing(s))
	if err != nil {
		return SignedIn{}, err
	}
	defer b.Close()
	return signin.Run(ctx, c, signin.Store{Vault: b.Vault, Storage: b.Storage}, in)
}
