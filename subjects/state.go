package subjects

// TreeState is where the account's dialogs stand as they are now, the last record of each in a stream.
const TreeState = "state"

// What a record below TreeState is about: a dialog, of a chat; the folders, and up to which update all of it goes, of none.
const (
	StateDialog  = "dialog"
	StateFolders = "folders"
	StateThrough = "through"
)

// State is where a record is published: tg.state.<account>.<what>.<kind>.<id>.
func (s Scheme) State(account, what string, kind Kind, id int64) string {
	return s.update(TreeState, account, Update{Type: what, Kind: kind, ID: id})
}

// States matches all records of an account.
func (s Scheme) States(account string) string { return s.join(TreeState, account, ">") }

// StatesOf matches the records of an account that are about one thing: all dialogs.
func (s Scheme) StatesOf(account, what string) string {
	return s.join(TreeState, account, what, "*", "*")
}

// StateRecords is where records are published, with names in braces for what differs from one to another.
func (s Scheme) StateRecords() string { return s.join(TreeState, "{account}.{what}.{kind}.{id}") }

// AllStates matches the records of all accounts.
func (s Scheme) AllStates() string { return s.join(TreeState, ">") }

// ParseState takes the subject of a record apart.
func (s Scheme) ParseState(subject string) (account, what string, kind Kind, id int64, ok bool) {
	account, u, ok := s.parseUpdate(TreeState, subject)
	return account, u.Type, u.Kind, u.ID, ok
}
