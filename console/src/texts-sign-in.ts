/**
 * The words of second factors and of the own account; the rest stands in `texts.ts`.
 *
 * @module
 */

export const signInTexts = {
  factor: {
    why: 'This asks for your second factor, shown within the last five minutes.',
    code: 'Code of your authenticator app',
    show: 'Show it and try again',
    passkey: 'Show a passkey instead',
    again: 'Let {title} ask me again',
    notShown: 'No passkey was shown',
    notMade: 'No passkey was made',
    noWindow: 'The other window was not opened, or nobody came back from it',
  },
  waysIn: {
    title: 'Ways in',
    none: 'By name and password alone',
    unproven: 'no code was shown yet',
    provider: 'Provider',
    subject: 'Who the person is there',
    bind: 'Let in by it',
  },
  account: {
    title: 'Your account',
    operator: 'You came by a one-time link, as who runs the daemon: that is no account.',
    kinds: { totp: 'Authenticator app', passkey: 'Passkey' },
    add: 'Add a passkey of this device',
    added: 'The passkey is kept. From now on it does instead of a code here.',
    remove: 'Take away',
    noFactor:
      'You have no second factor yet. Whoever administers users gives you an authenticator app first.',
    noPasskeys:
      'Passkeys are not possible here: open the console at localhost, in a browser that knows them.',
  },
} as const
