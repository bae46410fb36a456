//! Nothing of its own: `ci/toxiproxy-clients` puts the tests that the crate toxiproxy_rust ships
//! beside it. A crate apart, since it needs OpenSSL's headers, which brownout does not.
