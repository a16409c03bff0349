package subjects

import "strings"

// RPC is where a method is called: tg.rpc.<account>.<ns>.<method>. The method's own dot separates the tokens.
func (s Scheme) RPC(account, method string) string { return s.Join(TreeRPC, account, method) }

// RO is where a read-only method is called by those who may only read.
func (s Scheme) RO(account, method string) string { return s.Join(TreeRO, account, method) }

// RPCNamespace matches every method of a namespace; with an empty one, every method that has none.
func (s Scheme) RPCNamespace(tree, account, ns string) string {
	if ns == "" {
		return s.Join(tree, account, "*")
	}
	return s.Join(tree, account, ns, "*")
}

// readVerbs begin the names of methods that change nothing. `read` is not among them: readHistory marks as read.
var readVerbs = []string{"get", "search", "check", "resolve", "can", "is", "load"}

// notReading are methods whose verb only sounds harmless, with what they do.
var notReading = map[string]string{
	"messages.getMessagesViews":             "can count a view",
	"messages.getBotCallbackAnswer":         "presses a button",
	"messages.getInlineBotResults":          "sends the text to a bot",
	"messages.getEmojiURL":                  "signs in to a site",
	"ephemeral.getCallbackAnswer":           "presses a button",
	"payments.getSavedInfo":                 "gives out name, address and cards",
	"messages.checkUrlAuthMatchCode":        "is a step of signing in to a site",
	"contacts.getLocated":                   "can share the account's place",
	"account.getTmpPassword":                "makes a password for payments",
	"account.getAuthorizations":             "tells from where the account is used",
	"account.getWebAuthorizations":          "tells at which sites the account is used",
	"account.getPassword":                   "is a step of using the account's password, and shows its hint",
	"account.getPasskeys":                   "tells how the account signs in",
	"account.getAuthorizationForm":          "gives out passport documents",
	"account.getPasswordSettings":           "gives out secrets of 2FA",
	"account.getSecureValue":                "gives out passport documents",
	"account.getAllSecureValues":            "gives out passport documents",
	"payments.getStarsRevenueWithdrawalUrl": "opens a withdrawal",
	"payments.getStarGiftWithdrawalUrl":     "opens a withdrawal",
	"payments.getStarsRevenueAdsAccountUrl": "signs in to an account of advertising",
	"payments.resolveStarGiftOffer":         "accepts or refuses an offer",
	"phone.getGroupCallStreamRtmpUrl":       "gives out or renews a stream key",
	"channels.searchPosts":                  "can be paid with stars",
	"smsjobs.getSmsJob":                     "takes a job",
	"updates.getState":                      "is the daemon's own",
	"updates.getDifference":                 "is the daemon's own",
	"updates.getChannelDifference":          "is the daemon's own",
}

// ReadOnly reports whether a method only reads, judged by its name: the last part begins with a verb of reading, it is not of
// auth (where checkPassword signs in), and it is none of the exceptions. A method of a layer never seen is judged the same.
func ReadOnly(method string) bool {
	ns, name, found := strings.Cut(method, ".")
	if !found || ns == "auth" {
		return false
	}
	if _, no := notReading[method]; no {
		return false
	}
	for _, verb := range readVerbs {
		if rest, ok := strings.CutPrefix(name, verb); ok && (rest == "" || rest[0] >= 'A' && rest[0] <= 'Z') {
			return true
		}
	}
	return false
}
