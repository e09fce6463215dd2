// Usage: node provider.mjs MODULES ISSUER CLIENT SECRET REDIRECT: an OpenID provider whose people are whoever they say.
// What they may approve is in the claim `permissions`; it says `ready` when it listens.
import { generateKeyPairSync } from "node:crypto";
import { pathToFileURL } from "node:url";

const [modules, issuer, client, secret, redirect] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));
const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });

const provider = new Provider(issuer, {
  clients: [{
    client_id: client, client_secret: secret, redirect_uris: [redirect], response_types: ["code"], grant_types: ["authorization_code"],
    id_token_signed_response_alg: "ES256",
  }],
  jwks: { keys: [{ ...key, kid: "now", alg: "ES256", use: "sig" }] },
  cookies: { keys: ["only for tests"] },
  pkce: { required: () => true },
  claims: { openid: ["sub"], profile: ["name"], approvals: ["permissions"] },
  scopes: ["openid", "profile", "approvals"],
  // Claims go into the ID token, as most providers have it.
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id} of the provider`, permissions: ["acme:approve"] }),
  }),
});
provider.listen(new URL(issuer).port, "127.0.0.1", () => console.log("ready"));
