// The id that is looked up in place of an unknown user's, so that both cause the same statements (OWASP ASVS 6.3.8).

export const unknownUserId = '00000000-0000-0000-0000-000000000000';
