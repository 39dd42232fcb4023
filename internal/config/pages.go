package config

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// pages checks what people need to sign in with a browser.
func (c *checker) pages(f Face, o OIDC) {
	within(c, "staff.idle_timeout", f.IdleTimeout, time.Minute, 2*time.Hour)
	within(c, "staff.session_limit", f.SessionLimit, 5*time.Minute, 24*time.Hour)
	if f.URL == "" && o.ClientID == "" {
		if o.ClientSecretFile != "" || len(o.Scopes) > 0 || len(o.Parameters) > 0 {
			c.fail("oidc.client_id", "is missing: nobody can sign in with a browser; set it, and staff.url")
		}
		return
	}
	c.required("oidc.client_id", o.ClientID)
	c.required("staff.url", f.URL)
	if o.ClientSecretFile != "" {
		c.file("oidc.client_secret_file", o.ClientSecretFile)
	}
	for _, scope := range o.Scopes {
		if scope == "" || strings.ContainsAny(scope, " \t\n\"\\") {
			c.fail("oidc.scopes", "every item must be one scope such as offline_access")
			break
		}
	}
	prompts := strings.Fields(o.Prompt)
	if !slices.Contains(prompts, "login") || slices.ContainsFunc(prompts, func(p string) bool {
		return p != "login" && p != "consent" && p != "select_account"
	}) {
		c.fail("oidc.prompt", "must hold login, and may hold consent and select_account")
	}
	for _, parameter := range o.Parameters {
		name, _, ok := strings.Cut(parameter, "=")
		if !ok || name == "" {
			c.fail("oidc.parameters", "every item must be name=value")
			break
		}
		if slices.Contains(ownParameters, name) {
			c.fail("oidc.parameters", "%s is set by the service itself", name)
		}
	}
}

// site checks where browsers reach a face.
func (c *checker) site(key, value string) {
	c.httpURL(key, value)
	if u, err := url.Parse(value); err == nil && (u.Path != "" || u.RawQuery != "" || u.Fragment != "") {
		c.fail(key, "must be an origin such as https://staff.example.org, with nothing after it")
	}
}

// ownParameters keep a sign-in safe: nobody sets them by configuration.
var ownParameters = []string{"client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state",
	"nonce", "code_challenge", "code_challenge_method", "prompt", "max_age", "request", "request_uri", "code", "code_verifier",
	"grant_type", "refresh_token"}
