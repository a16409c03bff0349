package sim

import (
	"sync"

	"github.com/natsgram/natsgram/mtproto/crypto"
)

// serverKeyPEM is the model's key. It is no secret, and protects nothing.
const serverKeyPEM = `-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAlH1kFwtIVmVSOyUH6SHKJo9sWBFgu4Q11g8qgbrtE9vyMfI8
2zI9kJLZ6n1vyyYcEFsupns/O81W3sXJLue28PMSmvJibcIARxg6RkmMM/c3vU/4
wE50dz6XAmEo2dqlt3KGcz12G95qySOW9Hfco/UAWX2Xd0fKE92kF6w7bZ0+10S0
lLhJT8XTLoThOguMvGsTzg0FIp2FzZvoZZeM0ajBbSuOaqU9dBcpnm9A/b00ktWd
8fpaI+P59gM6dU6hqRGs/9rDkgNtgul7luvXT71iptTtPrkEw/CacZenrMRRIutC
tRRauMSSdnx3csLKOtxAirmY3HDLzSN23XYS+wIDAQABAoIBAAeNhzlK2B+Y4MFk
ZU4c62Dhu7ORErgHBgwA0nstzGBNuDiFJ0ZI/GutpIryXWzaX+QPF0TdkP5UN/51
1gFeROZlnsUl3g7SJtx25YPsusZr5ThqaG8zrmXgV6MF2SOXpQU7PI6BClBplEnt
1wBRVnY6gI2Mv1cQXj17cRzJJG6zVIM0S4YMI2jaoktk8kBL3Ol1+7CXtQYphugX
RDwRRJ+qF2cEw3DacFQNxPlXJ55DRLiJUzH5cq/5uikkxkPlB13UVJMfThYW3OI3
lt/CXZ6QfGmvQLeVcgN4EGXsS0Ce2ggvG+HbeMoRzocPz32LiE33uxjEL/43qYBr
6l1y/hkCgYEAzGHK8Dw+4AgE4ROO/wQOtydsiSAU7QV+48EAd8+Mr3Vo7lbE39rA
UMqwXH525fxKMZlKRLt1GjgHulBZJPuafqOgX93lpXABybiD6Wf+bRRDQp4X49lz
xQXm9jGZnAkkSFfUOiij0iP8wBOEt3cA4oebKV2XC/CubkbRqXaeMaMCgYEAuf3r
Nz6oh2xh0oBjxIyHNHopf2J8hSyg6ZNo2DJmMvRxWlsBd7h9gSXNyGS7MMYr3Hn7
fdJeCGdRFWF5cMXmubTKn2KNY3MRk7vsOeEdToOoSAgmVO/p2qWSdtN28pJgW86m
cfQz0JzgCyYoW583YFjS9btW8aV6lR5h3n/QHskCgYEAyf8NF4ozii/iwqEV/yz/
bj1ko9I1XFzGIEssLz3OCcu8vXK8eZI16KOq0n+a+4rxuTuLj4rGHfeqi5XFxSt2
chs98gHZajzdR4U5uoGxkBUqtLiTW/oa1WsT7dbvvqu6VFWZxzFLV/GBaETiMoFH
OpxT2fpJwt9JRmxv41D84IkCgYBLQpMmZKVfPx0KR8eXJeIj+vbFw/1tChUGzw5S
xXoTTlR74m1im3W1h62QVCpm3xmqenWogTJpphzqUOoKFxp4tM501jUuM8a+CAHb
ndr1BVNX6mxQXFA9mFf+2yy7lT2GiMVTQSSiWohSGpukD3Yh929N3gOdfn9uzb9+
gCuf+QKBgBTQLPTUU+MZm1frkfTeM/3ECoItlrEMuRXc/vpuwyPcdRMeSP3ffmER
kH9UjBFn5jpUheUqK7pVrMdvaBaOfwj5HUPmoK6jx9ay81eEgCkO6513KAn5RMSQ
25tHam/bJAXF6x7GifN3RoRBvLZbIDln4/WZp815+FhwvrVtU0Lx
-----END RSA PRIVATE KEY-----`

// serverKey is parsed once.
var serverKey = sync.OnceValue(func() *crypto.PrivateKey {
	k, err := crypto.ParsePrivateKey([]byte(serverKeyPEM))
	if err != nil {
		panic(err)
	}
	return k
})
