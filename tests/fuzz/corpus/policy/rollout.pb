

policy	rollout

modeshadow
í
identityà*Ý
Ú
issuersÎ2Ë
È*Å
$
issuerhttps://idp.example.com/

	audiences2

agents

groups_claimgroups
ç
jwksÞ*Û
Ø
inlineÍ*Ê
Ç
keys¾2»
„*

ktyOKP

crv	Ed25519

algEdDSA

usesig

kid2026
2
x-+11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo
2*0

ktyoct

kidshared

k
c2VjcmV0
T
rolesK*I
G
guest>*<

groups2

guests
"
scopes2
autogen:modle:read
_
surfacesS2Q
O*M

useopenai

mount/v1

bind*

usersub

	challenge 
c
rulesZ2X
V*T
!
	operationopenai.models.list

require2
acme:trained

modeshadow

	approvalsr*p
n
requirec2a
_*]
-
	operation openai.chat.completions.create

tier2	
admin

scopeacme:approve