package subjects

// TreeState is where the account's dialogs stand as they are now, the last record of each in a stream.
const TreeState = "state"

// What a record below TreeState is about: a dialog, of a chat; the folders, and up to which update all of it goes, of none.
const (
	StateDialog  = "dialog"
	StateFolders = "folders"
	StateThrough = "through"
)

// Records are the subjects of the records of a scheme's accounts.
type Records Scheme

// Subject is where a record is published: tg.state.<account>.<what>.<kind>.<id>.
func (r Records) Subject(account, what string, kind Kind, id int64) string {
	return Scheme(r).update(TreeState, account, Update{Type: what, Kind: kind, ID: id})
}

// Of matches all records of an account.
func (r Records) Of(account string) string { return Scheme(r).Join(TreeState, account, ">") }

// About matches the records of an account that are about one thing: all dialogs.
func (r Records) About(account, what string) string {
	return Scheme(r).Join(TreeState, account, what, "*", "*")
}

// All matches the records of all accounts.
func (r Records) All() string { return Scheme(r).Join(TreeState, ">") }

// Address is where records are published, with names in braces for what differs from one to another.
func (r Records) Address() string { return Scheme(r).Join(TreeState, "{account}.{what}.{kind}.{id}") }

// Parse takes the subject of a record apart.
func (r Records) Parse(subject string) (account, what string, kind Kind, id int64, ok bool) {
	account, u, ok := Scheme(r).parseUpdate(TreeState, subject)
	return account, u.Type, u.Kind, u.ID, ok
}
