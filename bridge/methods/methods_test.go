package methods

import (
	"slices"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/api/apitest"
)

func declared() *tl.Schema {
	_, decl := apitest.Layer()
	return decl
}

func TestAllowedByName(t *testing.T) {
	decl := declared()
	for allow, want := range map[string]string{"": "403", "auth.logOut": "", "auth.*": "", "*": "", "auth.signIn": "403"} {
		if got := Refusal(decl.Function("auth.logOut"), strings.Fields(allow)); (got != "") != (want != "") {
			t.Errorf("allowing %q: %q", allow, got)
		}
	}
}

// What can lose the account, give it or its secrets away, break the bridge, or spend what cannot be had back.
func TestRefusedMethods(t *testing.T) {
	decl := declared()
	for _, name := range strings.Fields(`
		auth.logOut auth.resetAuthorizations auth.sendCode auth.signIn auth.exportLoginToken auth.importLoginToken auth.acceptLoginToken
		auth.exportAuthorization auth.resetLoginEmail auth.requestPasswordRecovery auth.initPasskeyLogin auth.bindTempAuthKey auth.resendCode
		account.deleteAccount account.verifyEmail account.sendVerifyEmailCode account.invalidateSignInCodes account.registerDevice
		account.updateConnectedBot account.acceptAuthorization account.changePhone account.sendChangePhoneCode account.registerPasskey
		account.updatePasswordSettings account.changeAuthorizationSettings account.getTmpPassword account.getAllSecureValues
		messages.acceptUrlAuth messages.requestUrlAuth messages.requestWebView messages.requestMainWebView messages.getEmojiURL
		messages.editChatCreator messages.receivedQueue messages.sendPaidReaction payments.sendStarsForm payments.sendPaymentForm
		payments.transferStarGift payments.getStarsRevenueWithdrawalUrl payments.getStarsRevenueAdsAccountUrl
		updates.getDifference invokeWithLayer initConnection`) {
		if fn := decl.Function(name); fn == nil || Refusal(fn, nil) == "" || Refusal(fn, []string{name}) != "" {
			t.Errorf("%s is served, or unknown, or allowing it does not serve it", name)
		}
	}
	for _, name := range strings.Fields(`
		messages.sendMessage messages.getHistory messages.getBotCallbackAnswer messages.forwardMessages account.updateProfile
		account.getPassword account.getAuthorizations account.initTakeoutSession payments.getPaymentForm invokeWithTakeout help.getConfig`) {
		if fn := decl.Function(name); fn == nil || Refusal(fn, nil) != "" {
			t.Errorf("%s is not served", name)
		}
	}
}

// Nothing of account.* is served only because it was forgotten: each is in one of the two lists, and in no more.
func TestAccountMethodsAreJudged(t *testing.T) {
	decl := declared()
	for _, fn := range decl.Functions {
		name, ok := strings.CutPrefix(fn.Name, "account.")
		if !ok {
			continue
		}
		if served := slices.Contains(servedOfAccount, name); served == (refusals[fn.Name] != "") {
			t.Errorf("%s: served %v, and refused %q", fn.Name, served, refusals[fn.Name])
		}
	}
	if !slices.IsSorted(servedOfAccount) {
		t.Error("the list of those served is not sorted")
	}
}

// Every method that writes is in some order, and none that reads is.
func TestOrderOfEveryMethod(t *testing.T) {
	decl := declared()
	kinds := map[Order][]string{}
	for _, fn := range decl.Functions {
		o, param := orderOf(fn)
		kinds[o] = append(kinds[o], fn.Name)
		if (o == ChatOrder) != (param != "") {
			t.Errorf("%s: %v %q", fn.Name, o, param)
		}
	}
	free := slices.DeleteFunc(kinds[NoOrder], func(name string) bool {
		_, last, _ := strings.Cut(name, ".")
		return asks(name) || strings.HasPrefix(name, "upload.") || strings.HasPrefix(last, "set") || strings.HasPrefix(name, "messages.upload")
	})
	if len(kinds[ChatOrder]) < 200 || len(free) > 6 {
		t.Errorf("%d methods of chats; of those that write are free: %v", len(kinds[ChatOrder]), free)
	}
	t.Logf("by chat %d, by method %d, free %d", len(kinds[ChatOrder]), len(kinds[OwnOrder]), len(kinds[NoOrder]))
	t.Log(kinds[OwnOrder])
}

// What is refused by name is there, in this layer or in one of those before and after it.
func TestRefusedMethodsExist(t *testing.T) {
	decl := declared()
	other := []string{"channels.editCreator", "account.confirmBotConnection", "bots.exportBotToken"} // of earlier and later layers
	for name := range refusals {
		if !strings.HasSuffix(name, "*") && decl.Function(name) == nil && !slices.Contains(other, name) {
			t.Errorf("%s is refused and does not exist", name)
		}
	}
}
