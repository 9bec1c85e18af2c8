/**
 * Where a one-time link leads. What follows # in it is taken out of the address at once.
 *
 * @module
 */

import { Center, Paper, Stack, Text, Title } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState, type ReactNode } from 'react'
import { logIn } from '../api.ts'
import { Refused } from '../parts/answer.tsx'
import { Command } from '../parts/page.tsx'
import { texts } from '../texts.ts'

/** What follows # in a link, taken out of the address: a link is good once. */
function takeTicket(): string | undefined {
  const ticket = location.hash.slice(1)
  if (ticket === '') return undefined
  history.replaceState(history.state, '', location.pathname)
  return ticket
}

export function Login(): ReactNode {
  const [refused, setRefused] = useState<Error>()
  const [isEntering, setEntering] = useState(location.hash !== '')
  const navigate = useNavigate()
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
          void navigate({ to: '/', replace: true })
        },
        (error: unknown) => setRefused(error as Error),
      )
    }
    enter()
    // A link that is opened where this page is open already changes nothing but the hash.
    addEventListener('hashchange', enter)
    return () => removeEventListener('hashchange', enter)
  }, [client, navigate])
  const isGoing = isEntering && refused === undefined
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" maw={480}>
        <Stack>
          <Title order={1} size="h3">
            {isGoing ? texts.login.going : texts.login.title}
          </Title>
          {refused !== undefined && <Refused error={refused} />}
          {!isGoing && (
            <>
              <Text>{refused === undefined ? texts.login.how : texts.login.unused}</Text>
              <Command line="photonward console" />
            </>
          )}
        </Stack>
      </Paper>
    </Center>
  )
}
