// All rules of Spectral and of OWASP's list for APIs. What is off or narrowed says why.
import owasp from "@stoplight/spectral-owasp-ruleset";
import { oas } from "@stoplight/spectral-rulesets";

const SENT = ["$.paths[*][*].parameters[*]", "$.paths[*][*].requestBody"];

// Bounds are for what clients send: a bound on what is answered would bind newer servers, too.
function ofWhatIsSent(name, type) {
  const given = SENT.map((place) => `${place}..[?(@ && @.type=="${type}" && !@.const && !@.enum && !@.allOf)]`);
  return { [name]: { ...owasp.rules[name], given } };
}

export default {
  extends: [[oas, "all"], [owasp, "all"]],
  rules: {
    ...ofWhatIsSent("owasp:api4:2023-string-limit", "string"),
    ...ofWhatIsSent("owasp:api4:2023-array-limit", "array"),
    ...ofWhatIsSent("owasp:api4:2023-integer-limit", "integer"),
    ...ofWhatIsSent("owasp:api4:2023-integer-limit-legacy", "integer"),
    // The method's options are checked by the server, by name; the model's description is open.
    "owasp:api3:2023-no-additionalProperties": "off",
    "owasp:api3:2023-constrained-additionalProperties": "off",
    // Questions, titles and texts are free; ids and cursors are opaque.
    "owasp:api4:2023-string-restricted": "off",
    // RateLimit headers are a draft that changes; Retry-After is promised, and checked.
    "owasp:api4:2023-rate-limit": "off",
    // No other origin is answered at all, so there is no such header.
    "owasp:api8:2023-define-cors-origin": "off",
    // One server, where its user runs it; nobody to write to.
    "owasp:api9:2023-inventory-access": "off",
    "info-contact": "off",
  },
  overrides: [
    {
      // Each lists everything; nothing can be wrong about it.
      files: ["**#/paths/~1keys/get", "**#/paths/~1adapters/get", "**#/paths/~1limits/get"],
      rules: { "owasp:api8:2023-define-error-validation": "off" },
    },
    {
      // Asked by load balancers, without a key and without a limit; takes nothing that could be wrong.
      files: ["**#/paths/~1healthz", "**#/paths/~1readyz"],
      rules: {
        "owasp:api2:2023-read-restricted": "off",
        "owasp:api4:2023-rate-limit-responses-429": "off",
        "owasp:api8:2023-define-error-responses-401": "off",
        "owasp:api8:2023-define-error-validation": "off",
      },
    },
  ],
};
