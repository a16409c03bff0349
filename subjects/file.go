package subjects

import "strings"

// TreeFile is where files are asked for and given.
const TreeFile = "file"

// HeaderFile of an answer that is the bytes of a file: what is known of it, in JSON.
const HeaderFile = "Tg-File"

// Verbs of files.
const (
	FileGet    = "get"    // a file of Telegram's, into the answer or an object store
	FilePut    = "put"    // an object to Telegram
	FileList   = "list"   // the jobs that are at work
	FileCancel = "cancel" // end one of them
)

// File is where an account's files are asked for: tg.file.<account>.<verb>.
func (s Scheme) File(account, verb string) string { return s.Join(TreeFile, account, verb) }

// Files matches all verbs of an account.
func (s Scheme) Files(account string) string { return s.Join(TreeFile, account, "*") }

// ParseFile takes such a subject apart.
func (s Scheme) ParseFile(subject string) (account, verb string, ok bool) {
	rest, ok := s.cut(subject, TreeFile)
	if !ok {
		return "", "", false
	}
	account, verb, ok = strings.Cut(rest, ".")
	return account, verb, ok && validAccount(account) && Plain(verb)
}
