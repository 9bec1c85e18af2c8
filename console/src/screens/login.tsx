/**
 * Where a one-time link leads. What follows # in it is taken out of the address at once.
 *
 * @module
 */

import { Button, Center, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useEffect, useState, type ReactNode, type SubmitEvent } from 'react'
import { logIn, signIn } from '../api.ts'
import { Refused } from '../parts/answer.tsx'
import { Command } from '../parts/page.tsx'
import { isOver, takePlace } from '../place.ts'
import { texts } from '../texts.ts'

/** What follows # in a link, taken out of the address: a link is good once. */
function takeTicket(): string | undefined {
  const ticket = location.hash.slice(1)
  if (ticket === '') return undefined
  window.history.replaceState(window.history.state, '', location.pathname)
  return ticket
}

export function Login(): ReactNode {
  const [refused, setRefused] = useState<Error>()
  const [hasEnded] = useState(isOver)
  const [isEntering, setEntering] = useState(location.hash !== '')
  const { history } = useRouter()
  const client = useQueryClient()
  useEffect(() => {
    const enter = (): void => {
      const ticket = takeTicket()
      if (ticket === undefined) return
      setEntering(true)
      setRefused(undefined)
      logIn(ticket).then(
        () => {
          client.clear()
          history.replace(takePlace())
        },
        (error: unknown) => setRefused(error as Error),
      )
    }
    enter()
    // A link that is opened where this page is open already changes nothing but the hash.
    addEventListener('hashchange', enter)
    return () => removeEventListener('hashchange', enter)
  }, [client, history])
  const isGoing = isEntering && refused === undefined
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" maw={480}>
        <Stack>
          <Title order={1} size="h3">
            {isGoing ? texts.login.going : texts.login.title}
          </Title>
          {refused !== undefined && <Refused error={refused} />}
          {!isGoing && hasEnded && <Text role="status">{texts.login.over}</Text>}
          {!isGoing && (
            <>
              <Text>{refused === undefined ? texts.login.how : texts.login.unused}</Text>
              <Command line="photonward console" />
              <SignIn />
            </>
          )}
        </Stack>
      </Paper>
    </Center>
  )
}

/** For people: what is typed goes to the daemon and nowhere else. */
function SignIn(): ReactNode {
  const [refused, setRefused] = useState<Error>()
  const [isGoing, setGoing] = useState(false)
  const { history } = useRouter()
  const client = useQueryClient()
  const enter = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const typed = new FormData(event.currentTarget)
    const text = (name: string): string => {
      const value = typed.get(name)
      return typeof value === 'string' ? value : ''
    }
    setGoing(true)
    signIn({ login: text('login'), password: text('password'), code: text('code') }).then(
      () => {
        client.clear()
        history.replace(takePlace())
      },
      (error: unknown) => {
        setGoing(false)
        setRefused(error as Error)
      },
    )
  }
  const { people, name, password, code, codeHow, enter: label } = texts.login
  return (
    <form onSubmit={enter}>
      <Stack>
        <Title order={2} size="h4">
          {people}
        </Title>
        {refused !== undefined && <Refused error={refused} />}
        <TextInput name="login" label={name} autoComplete="username" required />
        <PasswordInput
          {...{ name: 'password', label: password, autoComplete: 'current-password' }}
          required
        />
        <TextInput
          {...{ name: 'code', label: code, description: codeHow, autoComplete: 'one-time-code' }}
          inputMode="numeric"
        />
        <Button type="submit" loading={isGoing}>
          {label}
        </Button>
      </Stack>
    </form>
  )
}
