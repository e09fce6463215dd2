

policymesh
Î
identityﬁ*€
í
	jwt_authnÑ*Å
$
payload_in_metadatajwt_payload
)
issuers2
https://idp.example.com/

scope_claimscp

groups_claimgroups
D
mtls<*:
8
trust_domains'2%
cluster.local
prod.example.com
Û
rolesÈ*Ê
å
plannerÄ*~
;
groups12/
-+spiffe://cluster.local/ns/agents/sa/planner
?
scopes523
autogen:runtime:channel
autogen:runtime:read
U
runtime-adminsC*A

groups2

platform
%
scopes2
autogen:runtime:admin
7
surfaces+2)
'*%

useautogen-grpc

mount/
&
forward*

authorizationkeep