package dc

import "github.com/natsgram/natsgram/mtproto/crypto"

// Production is Telegram itself. New accounts begin at data centre 2.
func Production() Environment {
	return Environment{
		Options: []Option{
			{ID: 1, Addr: "149.154.175.53:443", Static: true},
			{ID: 1, Addr: "149.154.175.59:443"},
			{ID: 1, Addr: "[2001:b28:f23d:f001::a]:443", IPv6: true},
			{ID: 2, Addr: "149.154.167.51:443", Static: true},
			{ID: 2, Addr: "149.154.167.50:443"},
			{ID: 2, Addr: "149.154.167.151:443", MediaOnly: true},
			{ID: 2, Addr: "[2001:67c:4e8:f002::a]:443", IPv6: true},
			{ID: 2, Addr: "[2001:67c:4e8:f002::b]:443", IPv6: true, MediaOnly: true},
			{ID: 3, Addr: "149.154.175.100:443", Static: true},
			{ID: 3, Addr: "[2001:b28:f23d:f003::a]:443", IPv6: true},
			{ID: 4, Addr: "149.154.167.91:443", Static: true},
			{ID: 4, Addr: "149.154.166.120:443", MediaOnly: true},
			{ID: 4, Addr: "[2001:67c:4e8:f004::a]:443", IPv6: true},
			{ID: 4, Addr: "[2001:67c:4e8:f004::b]:443", IPv6: true, MediaOnly: true},
			{ID: 5, Addr: "91.108.56.130:443"},
			{ID: 5, Addr: "91.108.56.173:443", Static: true},
			{ID: 5, Addr: "[2001:b28:f23f:f005::a]:443", IPv6: true},
		},
		Keys:    builtin(productionKey),
		Default: 2,
	}
}

// Test is Telegram's test environment: three data centres, phone numbers 99966XYYYY (F14), accounts of its own.
func Test() Environment {
	return Environment{
		Test: true,
		Options: []Option{
			{ID: 1, Addr: "149.154.175.10:443"},
			{ID: 1, Addr: "[2001:b28:f23d:f001::e]:443", IPv6: true},
			{ID: 2, Addr: "149.154.167.40:443"},
			{ID: 2, Addr: "[2001:67c:4e8:f002::e]:443", IPv6: true},
			{ID: 3, Addr: "149.154.175.117:443"},
			{ID: 3, Addr: "[2001:b28:f23d:f003::e]:443", IPv6: true},
		},
		Keys:    builtin(testKey),
		Default: 2,
	}
}

// builtin reads a key that this package was built with.
func builtin(text string) []crypto.PublicKey {
	keys, err := crypto.ParsePublicKeys([]byte(text))
	if err != nil {
		panic(err) // the constants below are tested
	}
	return keys
}

// The keys that Telegram publishes (B4): d09d1d85de64fd85 of production, b25898df208d2603 of the test environment.
const (
	productionKey = `-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEA6LszBcC1LGzyr992NzE0ieY+BSaOW622Aa9Bd4ZHLl+TuFQ4lo4g
5nKaMBwK/BIb9xUfg0Q29/2mgIR6Zr9krM7HjuIcCzFvDtr+L0GQjae9H0pRB2OO
62cECs5HKhT5DZ98K33vmWiLowc621dQuwKWSQKjWf50XYFw42h21P2KXUGyp2y/
+aEyZ+uVgLLQbRA1dEjSDZ2iGRy12Mk5gpYc397aYp438fsJoHIgJ2lgMv5h7WY9
t6N/byY9Nw9p21Og3AoXSL2q/2IJ1WRUhebgAdGVMlV1fkuOQoEzR7EdpqtQD9Cs
5+bfo3Nhmcyvk5ftB0WkJ9z6bNZ7yxrP8wIDAQAB
-----END RSA PUBLIC KEY-----
`
	testKey = `-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAyMEdY1aR+sCR3ZSJrtztKTKqigvO/vBfqACJLZtS7QMgCGXJ6XIR
yy7mx66W0/sOFa7/1mAZtEoIokDP3ShoqF4fVNb6XeqgQfaUHd8wJpDWHcR2OFwv
plUUI1PLTktZ9uW2WE23b+ixNwJjJGwBDJPQEQFBE+vfmH0JP503wr5INS1poWg/
j25sIWeYPHYeOrFp/eXaqhISP6G+q2IeTaWTXpwZj4LzXq5YOpk4bYEQ6mvRq7D1
aHWfYmlEGepfaYR8Q0YqvvhYtMte3ITnuSJs171+GDqpdKcSwHnd6FudwGO4pcCO
j4WcDuXc2CTHgH8gFTNhp/Y8/SpDOhvn9QIDAQAB
-----END RSA PUBLIC KEY-----
`
)
