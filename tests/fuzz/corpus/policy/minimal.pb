

policydemo
ø
identity≤*Ø
¨
issuers†2ù
ö*ó
$
issuerhttps://idp.example.com/

	audiences2

agents
T
jwksL*J

clusteridp
6
url/-https://idp.example.com/.well-known/jwks.json
3
surfaces'2%
#*!

useopenai

mount/v1
q
rulesh2f
d*b
-
	operation openai.chat.completions.create
1
models'*%
#
autogen:prompt2
gpt-4o-mini