"""Callers that Envoy has proven: by its own `jwt_authn` filter, and by a client certificate."""

from __future__ import annotations

import http.client
import json
import ssl

import pytest
from cryptography import x509

from conftest import load_policy
from fakes.certificates import Authority
from fakes.issuer import AUDIENCE, ISSUER, Issuer
from harness import raw
from harness.config import http_manager

AGENT = "spiffe://prod.example/ns/ml/sa/agent"


def jwt_authn(issuer: Issuer, *others: Issuer):
    """Puts Envoy's own token filter in front, as a mesh that verifies tokens already has it."""
    provider = {
        "issuer": ISSUER, "audiences": [AUDIENCE], "local_jwks": {"inline_string": issuer.document().decode()},
        "payload_in_metadata": "jwt_payload", "forward": True,
    }
    extra = {
        "issuer": "https://other.test/", "local_jwks": {"inline_string": issuer.document().decode()},
        "payload_in_metadata": "jwt_payload", "forward": True,
    }
    requirement = {"requires_any": {"requirements": [
        {"provider_name": "ours"}, {"provider_name": "other"}, {"allow_missing": {}},
    ]}}

    def adjust(config: dict) -> None:
        http_manager(config)["http_filters"].insert(0, {
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"ours": provider, "other": extra},
                "rules": [{"match": {"prefix": "/"}, "requires": requirement}],
            },
        })

    return adjust


@pytest.fixture
def behind_jwt_authn(start, issuer):
    policy = load_policy()
    policy["identity"] = {
        "jwt_authn": {"payload_in_metadata": "jwt_payload", "issuers": [ISSUER], "scope_claim": "scope", "groups_claim": "groups"}
    }
    return start(policy, adjust=jwt_authn(issuer))


def models(envoy, token: str | None) -> raw.Response:
    return raw.request(envoy.port, "GET", "/v1/models", token)


def test_jwt_authn(behind_jwt_authn, issuer, upstream):
    envoy = behind_jwt_authn
    answer = models(envoy, issuer.token("autogen:model:read", sub="carol"))
    assert answer.status == 200
    principal = envoy.record_of(answer)["principal"]
    assert (principal["subject"], principal["issuer"], principal["proof"]) == ("carol", ISSUER, "jwt_authn")

    assert models(envoy, issuer.token(groups=["visitors", "engineers"])).status == 200
    with upstream.untouched():
        answer = models(envoy, issuer.token("something:else"))
        assert (answer.status, answer.decision["reason"]) == (403, "scope_missing")
        answer = models(envoy, None)
        assert (answer.status, answer.header("www-authenticate")) == (401, 'Bearer realm="e2e"')


def test_jwt_authn_of_an_issuer_that_the_policy_does_not_name(behind_jwt_authn, issuer, upstream):
    with upstream.untouched():
        answer = models(behind_jwt_authn, issuer.token("autogen:model:read", iss="https://other.test/"))
    assert (answer.status, answer.decision["reason"]) == (401, "token_issuer")


def test_a_forged_token_is_nothing(behind_jwt_authn, upstream):
    with upstream.untouched():
        assert models(behind_jwt_authn, Issuer().token("autogen:model:read")).status == 401


@pytest.fixture
def mesh(start, tmp_path):
    """An Envoy that wants client certificates, and a function that asks it with one."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server", x509.DNSName("localhost"))

    def adjust(config: dict) -> None:
        config["static_resources"]["listeners"][0]["filter_chains"][0]["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "tls_certificates": [
                        {"certificate_chain": {"filename": str(certificate)}, "private_key": {"filename": str(key)}}
                    ],
                    "validation_context": {"trusted_ca": {"filename": str(tmp_path / "ca.pem")}},
                },
            },
        }

    policy = load_policy()
    policy["identity"] = {"mtls": {"trust_domains": ["prod.example"]}}
    policy["roles"] = {"agent": {"groups": [AGENT], "scopes": ["autogen:model:read"]}}
    # What cannot come with a certificate has no place in this policy.
    policy["surfaces"] = [{"use": "openai", "mount": "/v1"}]
    policy["rules"] = []
    envoy = start(policy, adjust=adjust)

    def ask(*uris: str, headers: dict | None = None) -> raw.Response:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        if uris:
            names = [x509.UniformResourceIdentifier(uri) for uri in uris]
            context.load_cert_chain(*authority.issue("client", *names))
        connection = http.client.HTTPSConnection("localhost", envoy.port, context=context, timeout=5)
        connection.request("GET", "/v1/models", headers=headers or {})
        answer = connection.getresponse()
        response = raw.Response(answer.status, answer.getheaders(), answer.read())
        connection.close()
        return response

    ask.envoy = envoy
    return ask


def test_a_client_certificate(mesh, upstream):
    answer = mesh(AGENT)
    assert answer.status == 200, answer
    principal = mesh.envoy.record_of(answer)["principal"]
    assert (principal["subject"], principal["proof"]) == (AGENT, "mtls")
    with upstream.untouched():
        assert mesh("spiffe://prod.example/ns/ml/sa/other").decision["reason"] == "scope_missing"


@pytest.mark.parametrize("uris", [(), ("spiffe://evil.example/ns/ml/sa/agent",), ("https://prod.example/ns/ml/sa/agent",)])
def test_no_certificate_or_one_of_elsewhere(mesh, upstream, uris):
    with upstream.untouched():
        assert mesh(*uris).status == 401


def test_a_forwarded_certificate_header_proves_nothing(mesh, upstream):
    with upstream.untouched():
        assert mesh(headers={"x-forwarded-client-cert": f"URI={AGENT}"}).status == 401


def test_rsa_is_verified_by_envoy(envoy, issuer):
    """In pure Rust inside the VM an RSA signature costs milliseconds; by the host's function, a fraction of one."""
    tokens = [issuer.token("autogen:model:read", jti=str(n)) for n in range(20)]
    took = [envoy.record_of(models(envoy, token))["decision_us"] for token in tokens]
    assert min(took) < 1500, json.dumps(took)
