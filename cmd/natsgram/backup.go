package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/backup"
)

func backupCommand() *cobra.Command {
	var updates bool
	c := &cobra.Command{
		Use:   "backup FILE|FOLDER",
		Short: "Write what cannot be made again into a file: sessions, positions, accounts",
		Long: `Write what cannot be made again into a file: the sessions as they are sealed, where each account's updates go on, which
accounts there are; with --updates also the stream of updates. Daemons may run. In a folder the file is named by the time.

The secret is not in it: keep NATSGRAM_SECRET, or secret.key of the state folder, somewhere else. Without it a backup is worth
nothing, and with it everybody who has the file has the accounts.`,
		Example: `  natsgram backup /var/backups/natsgram
  natsgram backup before-upgrade.tar --updates`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "" {
				return &usageError{c.CommandPath(), errors.New("want a file or a folder")}
			}
			set, err := loadSettings(c)
			if err != nil {
				return err
			}
			path, err := backupPath(args[0], time.Now())
			if err != nil {
				return err
			}
			var m backup.Manifest
			var checked bool
			err = writeWhole(path, func(w io.Writer) (err error) {
				m, checked, err = bridge.Backup(c.Context(), set, bridge.Options{Version: version}, w, updates)
				return err
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s\n", path)
			fmt.Fprintf(c.ErrOrStderr(), "Accounts in it: %d. Not in it: the secret that opens the sessions.\n", len(m.Accounts))
			if !checked {
				fmt.Fprintln(c.ErrOrStderr(), "There is no secret here, so that it was not looked whether the sessions open.")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&updates, "updates", false, "the stream of updates too")
	return c
}

// backupPath is the file to write. What ends in a slash is a folder, which is made where it is missing.
func backupPath(to string, now time.Time) (string, error) {
	if os.IsPathSeparator(to[len(to)-1]) {
		if err := os.MkdirAll(to, 0o700); err != nil {
			return "", err
		}
	}
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		return filepath.Join(to, "natsgram-"+now.UTC().Format("20060102T150405Z")+".tar"), nil
	}
	return to, nil
}

// writeWhole writes a file that its owner alone may read, and that is there whole or not at all. It overwrites none.
func writeWhole(path string, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is there already", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".natsgram-backup-") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has another name by then
	err = write(f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

func restoreCommand() *cobra.Command {
	var force, noUpdates bool
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup into place, also onto another NATS",
		Long: `Put a backup into place: sessions, positions and accounts, and updates if it holds them and the stream is empty. Streams and
buckets that are missing are made as the settings say. The secret of then has to be set, or its key file be in the state folder.

Refused where a daemon runs one of the accounts (stop it first), or a newer session is there than the backup's (--force).

Never run two copies of a session. When accounts are moved to another NATS this way, stop the daemons of the former one for
good first: Telegram ends a session for both that is used from two places (AUTH_KEY_DUPLICATED).`,
		Example: `  natsgram restore /var/backups/natsgram/natsgram-20261127T030000Z.tar
  NATS_URL=nats://new.example:4222 natsgram restore before-upgrade.tar`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			set, err := loadSettings(c)
			if err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			b, err := backup.Read(f)
			if err != nil {
				return err
			}
			if noUpdates {
				b.NoUpdates()
			}
			done, err := bridge.Restore(c.Context(), set, bridge.Options{Version: version}, b, force)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Of %s: %d sessions, %d positions, %d accounts that were not known, %d updates.\n",
				b.Taken.Local().Format("2006-01-02 15:04 MST"), done.Sessions, done.Positions, done.Accounts, done.Updates)
			fmt.Fprintln(c.ErrOrStderr(), "What the accounts received since then is fetched from Telegram, as far as it still has it. No other daemon may run these sessions.")
			return nil
		},
	}
	c.Flags().BoolVar(&force, "force", false, "over newer sessions, and with sessions that the secret here does not open")
	c.Flags().BoolVar(&noUpdates, "no-updates", false, "leave the updates of the backup out")
	return c
}

func rotateSecretCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate-secret",
		Short: "Seal all sessions, and all else that is sealed, with a new secret",
		Long: `Seal all sessions with a new secret, and all else that is sealed: whom the accounts know (TG_PEERS), answers to requests with an id
(TG_ONCE), what files on their way are (TG_TRANSFERS). It can be interrupted, and called again: everything opens at every moment, with the
former secret or the new one.

With a key file (NATSGRAM_SECRET is not set): stop the daemon, run this, start it again. The new key takes the old one's place.

With NATSGRAM_SECRET, and any number of daemons running:
  1. on every daemon set NATSGRAM_SECRET_OTHER to the new secret, and restart them one after the other: now all open both;
  2. on every daemon set NATSGRAM_SECRET to the new secret and NATSGRAM_SECRET_OTHER to the former, restart likewise;
  3. run this command with the same two;
  4. take NATSGRAM_SECRET_OTHER away. The former secret is worth nothing then, except for backups made before.

To come from a key file to a secret, set NATSGRAM_SECRET and run this with the state folder that holds the file.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set, err := loadSettings(c)
			if err != nil {
				return err
			}
			r, err := bridge.RotateSecret(c.Context(), set, bridge.Options{Version: version})
			if err != nil {
				return fmt.Errorf("%w (%d sessions and %d records are sealed anew; run it again)", err, len(r.Sealed), r.Records.Sealed)
			}
			fmt.Fprintf(c.OutOrStdout(), "%d sessions sealed anew, %d were already.\n", len(r.Sealed), len(r.Kept))
			fmt.Fprintf(c.OutOrStdout(), "%d records of peers, answers and files sealed anew.\n", r.Records.Sealed)
			if n := r.Records.Failed; n > 0 {
				fmt.Fprintf(c.ErrOrStderr(), "%d records open with neither secret: these people are learned again, and these requests are not made twice.\n", n)
			}
			for name, why := range r.Failed {
				fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", name, why)
			}
			switch {
			case len(r.Back) > 0:
				return fmt.Errorf("a running daemon does not know the new secret and has sealed %d sessions with the former again: see natsgram rotate-secret --help", len(r.Back))
			case len(r.Failed) > 0:
				return fmt.Errorf("%d sessions open with neither secret, and were left as they are", len(r.Failed))
			}
			return nil
		},
	}
}
