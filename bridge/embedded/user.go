package embedded

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"path/filepath"

	"golang.org/x/crypto/bcrypt"

	"github.com/natsgram/natsgram/bridge/private"
)

const (
	// UserName is the user that is made for whoever may read the state folder: natsgram's own commands, and what the operator
	// gives its password to.
	UserName     = "natsgram"
	daemonName   = "natsgram-daemon" // of the process itself; its password is in no file
	passwordFile = "nats.password"
)

// User is a name and a password of the embedded server. It prints without the password.
type User struct{ Name, Password string }

// String is the name alone.
func (u User) String() string { return u.Name }

// GoString is the name alone.
func (u User) GoString() string { return u.Name }

// MakeUser is the user of a state folder; its password is made on first use, and kept.
func MakeUser(dir string) (User, error) {
	password, err := private.ReadOrMake(filepath.Join(dir, passwordFile), newPassword)
	return checked(password, err)
}

// UserOf is the user of a state folder, fs.ErrNotExist when none was made there.
func UserOf(dir string) (User, error) {
	password, err := private.Read(filepath.Join(dir, passwordFile))
	return checked(password, err)
}

func checked(password string, err error) (User, error) {
	if err == nil && len(password) < minPassword {
		err = fmt.Errorf("%s holds no password; delete it, and the next start makes one", passwordFile)
	}
	if err != nil {
		return User{}, fmt.Errorf("password of the embedded NATS server: %w", err)
	}
	return User{UserName, password}, nil
}

// minPassword is the shortest password taken: who empties the file must not open the server.
const minPassword = 16

// newPassword is 256 bits, in letters that need no quotes anywhere.
func newPassword() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hash is what the server is told of a password: it would warn of one in plain text. The cost is the least there is, since nobody
// guesses 256 bits and every connection pays it.
func hash(password string) (string, error) {
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	return string(b), err
}
