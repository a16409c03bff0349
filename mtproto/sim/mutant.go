package sim

// Mutant is a defect planted on purpose, so that it can be shown that a run finds it.
type Mutant int

// The defects. None is no defect.
const (
	None          Mutant = iota
	ExecuteTwice         // the server executes some queries twice
	DenyReceived         // the server says of what it has that it has not: a call sent again is executed again
	LateFirst            // the notice of a session names a first message after those that it has
	DeafToAcks           // acknowledgements are not heard, as if they were never sent
	NeverAnswer          // the server does not answer
	RepeatUnknown        // the client makes a call again whose fate it does not know
	ClaimUnsent          // the client says of a call of unknown fate that it was not sent
	ClaimSent            // the client says so of one that was sent
	DoubleResult         // the client hands an answer out twice
	SwapResults          // the client gives an answer to another call
	LoseUpdate           // the client drops an update that it has acknowledged
	DoubleUpdate         // the client delivers one twice
	NeverTick            // the client does not look at the clock
	NeverRelease         // the client holds acknowledgements for ever
	DeafToSession        // the client does not hear that a session is new
	Leak                 // the client keeps what is over
	LeaveOutAfter        // the client does not say after which call another one comes
	SendBefore           // the client sends a call although the one before it does not wait in the session, as after it was left
	GoOn                 // the client makes a call again without the one before it, which was refused and comes again
	IgnoreAfter          // the server executes calls without those that they come after
	RepeatEdit           // the client makes an edit again that was executed
	OtherRandomID        // the client makes a send again with another random_id
	Mutants
)

var mutantNames = [Mutants]string{"None", "ExecuteTwice", "DenyReceived", "LateFirst", "DeafToAcks", "NeverAnswer",
	"RepeatUnknown", "ClaimUnsent", "ClaimSent", "DoubleResult", "SwapResults", "LoseUpdate", "DoubleUpdate", "NeverTick",
	"NeverRelease", "DeafToSession", "Leak", "LeaveOutAfter", "SendBefore", "GoOn", "IgnoreAfter", "RepeatEdit", "OtherRandomID"}

func (m Mutant) String() string { return mutantNames[m] }
