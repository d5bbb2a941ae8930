/**
 * A self-signed certificate for servers on loopback in tests, valid until 2120, for
 * `api.good.example`, `wild.example`, `*.wild.example` and `other.example`. Its key is public and
 * nothing trusts it that was not told to. Made with `openssl ca -selfsign`.
 */
export const LOOPBACK_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBsjCCAVigAwIBAgIBATAKBggqhkjOPQQDAjAkMSIwIAYDVQQDDBlSaXNpbmct
QlNNIGxvb3BiYWNrIHRlc3RzMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAw
MDAwWjAkMSIwIAYDVQQDDBlSaXNpbmctQlNNIGxvb3BiYWNrIHRlc3RzMFkwEwYH
KoZIzj0CAQYIKoZIzj0DAQcDQgAEj+hy0CNfJPtLSzjU9C1ioCveEo2Ck0btjcyG
Dkg6nu5yZGTBJsZFInSwFc8Lgl3lPHt0T0Qm44b6OxghyF/T/aN5MHcwSAYDVR0R
BEEwP4IQYXBpLmdvb2QuZXhhbXBsZYIOKi53aWxkLmV4YW1wbGWCDHdpbGQuZXhh
bXBsZYINb3RoZXIuZXhhbXBsZTAMBgNVHRMEBTADAQH/MB0GA1UdDgQWBBSOskOu
/jJtg2J2+dN/khYD+hDFCjAKBggqhkjOPQQDAgNIADBFAiAS9NMl8aIbblirOgbB
PEZUKlypMDADgywEkZ8deSbQ9AIhAOLLfbJk0irUkDFtCpEZuJS8vv4ZzKrpMiaJ
Nza4q6Fz
-----END CERTIFICATE-----
`;

/** The key of {@link LOOPBACK_CERTIFICATE}. */
export const LOOPBACK_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtN5pRbuTOEqx6m3O
C5J5UquwGlZjY2nUL/SXeFDO+qGhRANCAASP6HLQI18k+0tLONT0LWKgK94SjYKT
Ru2NzIYOSDqe7nJkZMEmxkUidLAVzwuCXeU8e3RPRCbjhvo7GCHIX9P9
-----END PRIVATE KEY-----
`;
