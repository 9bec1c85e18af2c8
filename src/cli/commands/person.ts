/** Commands about people: who may sign in, as what, and who decided so. @module */

import type { Command } from 'commander'
import { siteRoutes, type BodyOf, type SiteRoutes } from '#contract'
import { askNewSecret, confirmByName, terminalFor } from '../ask.ts'
import { newContext, type Context } from '../context.ts'
import { credentialsFrom, type CredentialFlags } from '../credentials.ts'
import { CliRefusal } from '../exit.ts'
import { peopleView, personView, roleChangesView } from '../people-views.ts'
import type { Powers } from './setup.ts'

type Reading = Pick<Powers, 'readPassphrase'>

export function addPersonCommands(program: Command, powers: Reading): void {
  const context = (): Context => newContext(program.opts())
  const person = program
    .command('person')
    .description('People: who may sign in, as what, and who decided so')
    .addHelpText('after', PERSON_HELP)
  addLook(person, context)
  addAdd(person, context)
  addRoles(person, context)
  addAgreement(person, powers, context)
  addSecrets(person, powers, context)
  addBinding(person, context)
  addStates(person, context)
  addDelegate(person, context)
}

function addLook(person: Command, context: () => Context): void {
  person
    .command('list')
    .description(siteRoutes.people.summary)
    .option('--after <person>', 'continue after this one')
    .option('--limit <count>', 'how many at most', '100')
    .action(async (options: { after?: string; limit: string }) => {
      const { out, site } = context()
      out.data(await site().call('people', options, null), peopleView)
    })
  person
    .command('show <person>')
    .description(siteRoutes.person.summary)
    .action(async (name: string) => {
      const { out, site } = context()
      out.data(await site().call('person', { person: name }, null), personView)
    })
}

interface DetailFlags {
  readonly name?: string
  readonly reference?: string[]
  readonly department?: string
  readonly careTeam?: string[]
}

const detailsOf = ({ name, reference, department, careTeam }: DetailFlags) => ({
  ...(name === undefined ? {} : { name }),
  ...(reference === undefined ? {} : { references: reference }),
  ...(department === undefined ? {} : { department }),
  ...(careTeam === undefined ? {} : { careTeams: careTeam }),
})

function addAdd(person: Command, context: () => Context): void {
  person
    .command('add <login>')
    .description(siteRoutes.addPerson.summary)
    .requiredOption('--name <name>', 'as colleagues know the person')
    .option('--kind <kind>', 'person (staff), patient (or a proxy of one), service', 'person')
    .option('--reference <reference...>', 'what FHIR calls the person: Practitioner/…, Patient/…')
    .option('--department <id>', 'ward or department')
    .option('--care-team <id...>', 'care teams')
    .action(async (login: string, flags: DetailFlags & { kind: string; name: string }) => {
      const { out, site } = context()
      const wish = { login, kind: flags.kind, ...detailsOf(flags) }
      const added = await site().call('addPerson', {}, wish as BodyOf<SiteRoutes['addPerson']>)
      out.data(added, (one) => `Added ${one.login}, ${one.person}: give a password and roles next`)
    })
  person
    .command('set <person>')
    .description(siteRoutes.describePerson.summary)
    .option('--name <name>', 'as colleagues know the person')
    .option('--reference <reference...>', 'what FHIR calls the person, instead of what was said')
    .option('--department <id>', 'ward or department; empty for none')
    .option('--care-team <id...>', 'care teams, instead of those that were said')
    .action(async (name: string, flags: DetailFlags) => {
      const { out, site } = context()
      const changed = await site().call('describePerson', { person: name }, detailsOf(flags))
      out.data(changed, (one) => peopleView([one]))
    })
}

function addRoles(person: Command, context: () => Context): void {
  person
    .command('role <person>')
    .description(siteRoutes.changeRoles.summary)
    .option('--add <role...>', 'roles to give')
    .option('--remove <role...>', 'roles to take away')
    .option('--clear <label...>', 'sensitive labels to clear the person for: PSY, HIV, …')
    .option('--unclear <label...>', 'clearances to take away')
    .action(async (name: string, flags: Partial<Record<RoleFlag, string[]>>) => {
      const { out, site } = context()
      const { add = [], remove = [], clear = [], unclear = [] } = flags
      if ([add, remove, clear, unclear].every((words) => words.length === 0)) {
        throw new CliRefusal('ARGUMENT_INVALID', 'Say what changes: --add, --remove, --clear …')
      }
      const wish = { add, remove, clear, unclear }
      const answer = await site().call('changeRoles', { person: name }, wish)
      out.data(answer, ({ change, person: one }) =>
        change === null
          ? peopleView([one])
          : `Asked; a second person agrees by: photonward person agree ${change} --as <login>`,
      )
    })
}

function addAgreement(person: Command, powers: Reading, context: () => Context): void {
  person
    .command('changes')
    .description(siteRoutes.roleChanges.summary)
    .action(async () => {
      const { out, site } = context()
      out.data(await site().call('roleChanges', {}, null), roleChangesView)
    })
  person
    .command('agree <change>')
    .description(siteRoutes.agreeToChange.summary)
    .requiredOption('--as <login>', 'who agrees: an administrator of users, not who asked')
    .option('--password-file <file>', 'with the password; - for stdin')
    .option('--code <code>', 'of the authenticator app')
    .action(async (change: string, flags: CredentialFlags) => {
      const at = context()
      const as = await credentialsFrom(powers, at, flags)
      const { out, site } = at
      out.data(await site().call('agreeToChange', { change }, { as }), (one) => peopleView([one]))
    })
  person
    .command('refuse <change>')
    .description(siteRoutes.refuseChange.summary)
    .action(async (change: string) => {
      const { out, site } = context()
      out.data(await site().call('refuseChange', { change }, null), () => 'The change is refused')
    })
}

type RoleFlag = 'add' | 'remove' | 'clear' | 'unclear'

function addSecrets(person: Command, powers: Reading, context: () => Context): void {
  person
    .command('password <person>')
    .description(siteRoutes.setPassword.summary)
    .option('--password-file <file>', 'with the new password; - for stdin')
    .action(async (name: string, { passwordFile }: { passwordFile?: string }) => {
      const { out, site, flags } = context()
      const terminal = terminalFor(flags)
      const password =
        passwordFile === undefined
          ? terminal && (await askNewSecret(terminal, `New password of ${name}`))
          : textIn(powers, passwordFile)
      if (password === undefined || password === '') throw nobodyToAsk('--password-file')
      const changed = await site().call('setPassword', { person: name }, { password })
      out.data(changed, () => 'The password is set; sessions of the person have ended')
    })
  const factor = person.command('second-factor').description('Second factors of a person')
  factor
    .command('add <person>')
    .description(siteRoutes.addTotp.summary)
    .action(async (name: string) => {
      const { out, site } = context()
      out.data(await site().call('addTotp', { person: name }, null), ({ uri }) =>
        [
          'For the authenticator app; it is not shown again:',
          uri,
          `Then: photonward person second-factor prove ${name} <code>`,
        ].join('\n'),
      )
    })
  factor
    .command('prove <person> <code>')
    .description(siteRoutes.proveFactor.summary)
    .action(async (name: string, code: string) => {
      const { out, site } = context()
      const proven = await site().call('proveFactor', { person: name }, { code })
      out.data(proven, () => 'The code is right: one is asked for at each sign-in from now on')
    })
  factor
    .command('remove <person> <factor>')
    .description(siteRoutes.removeFactor.summary)
    .action(async (name: string, id: string) => {
      const { out, site } = context()
      const changed = await site().call('removeFactor', { person: name, factor: id }, null)
      out.data(changed, (one) => peopleView([one]))
    })
}

function addBinding(person: Command, context: () => Context): void {
  person
    .command('bind <person>')
    .description(siteRoutes.bindPerson.summary)
    .requiredOption('--provider <name>', 'as the configuration calls it')
    .requiredOption('--subject <subject>', 'who the person is there, as its identity tokens say')
    .action(async (name: string, { provider, subject }: { provider: string; subject: string }) => {
      const { out, site } = context()
      const bound = await site().call('bindPerson', { person: name }, { provider, subject })
      out.data(bound, (one) => `${one.login} may sign in by ${provider}`)
    })
  person
    .command('unbind <person>')
    .description(siteRoutes.unbindPerson.summary)
    .requiredOption('--provider <name>', 'as the configuration calls it, or its issuer')
    .action(async (name: string, { provider }: { provider: string }) => {
      const { out, site } = context()
      const changed = await site().call('unbindPerson', { person: name, provider }, null)
      out.data(changed, (one) => `${one.login} signs in by ${provider} no more`)
    })
}

function addStates(person: Command, context: () => Context): void {
  for (const [verb, state, description] of STATES) {
    person
      .command(`${verb} <person>`)
      .description(description)
      .action(async (name: string) => {
        const { out, site, flags } = context()
        if (state === 'ended') await confirmByName(flags, { what: `${name} ends here`, name })
        const changed = await site().call('setPersonState', { person: name }, { state })
        out.data(changed, (one) => peopleView([one]))
      })
  }
}

const STATES = [
  ['suspend', 'suspended', 'Keep somebody out for now; sessions and tokens end at once'],
  ['resume', 'active', 'Let somebody who was suspended in again'],
  ['end', 'ended', 'End somebody for good: roles, password and second factors are gone'],
] as const

function addDelegate(person: Command, context: () => Context): void {
  person
    .command('delegate <person>')
    .description(siteRoutes.delegate.summary)
    .requiredOption('--reason <reason>', 'locum, on-call, or proxy (of a patient)')
    .requiredOption('--from <who>', 'whose ties are lent; for proxy the patient, Patient/…')
    .requiredOption('--days <days>', 'for how long: 31 at most, 366 for a proxy')
    .action(async (name: string, flags: { reason: string; from: string; days: string }) => {
      const { out, site } = context()
      const days = Number(flags.days)
      if (!(days > 0 && days <= 366)) {
        throw new CliRefusal('ARGUMENT_INVALID', '--days must be a number up to 366')
      }
      const expiresAt = Date.now() + Math.round(days * DAY_MS)
      const wish = { reason: flags.reason, from: flags.from, expiresAt }
      const body = wish as BodyOf<SiteRoutes['delegate']>
      out.data(await site().call('delegate', { person: name }, body), (one) => peopleView([one]))
    })
}

const textIn = ({ readPassphrase }: Reading, file: string): string =>
  new TextDecoder().decode(readPassphrase(file))

const nobodyToAsk = (options: string): CliRefusal =>
  new CliRefusal('ARGUMENT_INVALID', `Nobody can be asked here: give ${options}`)

const DAY_MS = 86_400_000
const PERSON_HELP = `
Roles that administer others, or read what they did, take two people: one asks (person role), and an
administrator of users agrees (person agree). Where nobody can agree yet, the operator makes the first:

  photonward person add ada --name "Ada L." --reference Practitioner/d1
  photonward person password ada
  photonward person role ada --add user-administrator
  photonward person second-factor add ada
`
