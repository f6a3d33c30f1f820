### What the console says, to those who look after a tenant or the platform.

## Where one can go in the console

nav-overview = Overview
nav-invitations = Invitations
nav-mail = Mail
nav-members = Members
nav-resets = Reset requests
nav-events = Events
nav-webhooks = Webhooks
nav-settings = Settings
nav-platform = Platform

## Overview

steps = First steps
steps-invite = Invite somebody
steps-captured = Open the invitation in the { $mail } and accept it in a private window
steps-captured-mail = captured mail
steps-wait = Wait until it is accepted
steps-api = { $ask } the same things; its schema is at { $schema }
steps-ask = Ask the API
figure-pending = Pending invitations
figure-expiring = Expiring in two days
figure-failed = Not delivered
figure-resets = Waiting reset requests
figure-members = Members
count-owners = { $n ->
    [one] { $n } owner
   *[other] { $n } owners
}
count-admins = { $n ->
    [one] { $n } admin
   *[other] { $n } admins
}
count-members = { $n ->
    [one] { $n } member
   *[other] { $n } members
}
count-others = { $n } with other roles
last-events = Last events
the-service = the service

## Events

events-search = Kind, such as invitation.created
events-when = When
events-what = What
events-who = Who
events-about = About
events-from = From

## What went wrong

failed-title = That did not work
failed-back = { $back }.
failed-back-request = { $back }; the request was { $request }.
failed-go-back = Go back
problem-address = That is not the invited address.
problem-list-empty = The list is empty.
problem-list-late = The list took too long to read.
problem-list-unreadable = The list cannot be read: { $error }.
problem-list-columns = Line { $line } has more than an address, a name and a role.
problem-no-request = There is no such request, or none that you may decide.
problem-no-endpoint = There is no such endpoint, or none that you may manage.
problem-no-action = There is no such action.
problem-no-row = Choose at least one row first.
problem-some = Done for { $good } of { $all }. The first that was refused says: { $problem }
problem-foreign-form = This form was not sent by a page of this service.
problem-form = The form could not be read.
problem-late = The service did not answer in time; try again in a moment.
problem-overloaded = The service is overloaded; try again in a moment.

## What was done

done-invited = The invitation is on its way.
done-standing = This invitation stands already; no second mail was sent.
done-retried = It is tried again at once.
done-stopped = Stopped. An invitation that it was for stays pending, and can be sent again.
done-resent = Sent again, with a new link. The one before is of no use any more.
done-cancelled = Cancelled. The link is of no use any more.
done-joined = Welcome! You are a member.
done-declined = You declined the invitation. There is nothing else to do.
done-role = The role is changed; it counts from the next request.
done-suspended = Suspended; it counts from the next request.
done-reinstated = Reinstated.
done-removed = Removed, with the invitations that went with the right to make them.
done-transferred = Handed over. You are an admin from here on.
done-approved = Approved. A link goes to the person's own mailbox.
done-rejected = Rejected. The person is told by mail.
done-asked = If there is such an account, a link comes by mail: at once, or as soon as an administrator has approved it.
done-reset = Your password is set, and every session has ended. Sign in with it.
done-withdrawn = Withdrawn.
done-saved = Saved.
done-password = The password is changed, and your other sessions have ended.
done-ended = That session has ended.
done-sessions = Every session of theirs has ended.
done-switched = This session speaks for another tenant from here on.
done-left = You are not a member there any more.
done-made = Made.
done-deleted = Deleted.
done-enabled = Enabled. What happens from here on is posted to it.
done-disabled = Disabled. What waited for it is given up.
done-redelivered = It is posted once more.

## Invitations

link-shown = This link is for { $email } alone, and is shown this once:
role = Role
invite-note = Note (optional)
invite-send = Send the invitation
invite-link = Make a link instead
import-title = Invite a list
invitations-search = Part of an address
invitations-pending = Pending
invitations-expiring = Expiring
invitations-failed = Not delivered
invitations-accepted = Accepted
invitations-expired = Expired
invitations-cancelled = Cancelled
invitations-declined = Declined
invitations-selected = { $n } in all. With those that are ticked:
send-again = Send again
cancel = Cancel
invitations-all = All on this page
who = Who
invitations-ends = Ends
invitations-made = Made
invitations-by = by { $inviter }
send-again-one = Send the invitation of { $email } again
cancel-one = Cancel the invitation of { $email }
invitations-none-found = None here whose address holds “{ $q }”.

## A list of people

import-sent = { $good } of { $all } were invited; { $see_mails }.
import-see-mails = see their mails leave
import-mend = The others are below; mend them and send the list again: who is invited already stays as they are.
import-looked = { $good } of { $all } would be invited. Nothing is sent yet.
import-others = The others are below.
import-people = People, one to a line: address, name, role
# An example in a field: an address, a name and the key of a role.
import-example = ann@example.com, Ann, member
import-file = Or a file
import-help = Name and role may be left out; without a role people become members. Up to 1,000 lines, as a spreadsheet saves them (CSV).
import-look = See what would become of them
import-invite = Invite { $n }
import-download = Download all outcomes as CSV
import-line = Line
import-address = Address
import-outcome = Outcome
import-why = Why

## Mail

mail-of-invitations = of the invitations to { $tenant }
mails-all = All
mails-queued = Queued
mails-retrying = Retrying
mails-failed = Failed
mails-sent = Sent
mails-stopped = Stopped
mails-taken = Taken by the mail server
mails-kind = Kind
mails-every-kind = Every kind
mails-invitations = Invitations
mails-acceptance = News of acceptance
mails = Mails
to = To
attempts = Attempts
mail-answer = Answer of the mail server
mail-last = Last
mail-next = Next
mail-again-one = Send to { $email } again
somebody-gone = somebody who is gone
last-attempt = last { $when }
next-attempt = next { $when }
try-again = Try again
try-again-one = Try the mail to { $email } again
stop = Stop
stop-one = Stop the mail to { $email }

## Members

members-all = All
members-active = Active
members-suspended = Suspended
people-search = Part of a name or address
members-last-seen = Last seen
never = never
members-role-of = Role of { $name }
members-change = Change
suspend = Suspend
reinstate = Reinstate
members-own = Make the owner in your place
members-remove = Remove { $name }, and cancel what they sent

## Reset requests

resets-all = All
resets-waiting = Waiting
resets-approved = Approved
resets-rejected = Rejected
resets-intro = Who approves sends a one-time link to the person's own mailbox, and sees neither link nor password.
resets-asked = Asked
resets-decision = Decision
resets-from = from { $address }
approve = Approve
reject = Reject
reason = Reason
reason-optional = Reason (optional)
resets-none = Nobody asks.
request-title = Reset request
request-gone = An account that is gone
request-asked = Asked on { $when }. Open until { $until }.
request-asked-from = Asked on { $when } from { $address }. Open until { $until }.
request-sure = Make sure that it was really this person who asked.
request-all = All requests

## Settings of a tenant

tenant = Tenant
settings-resets = Password resets
settings-resets-approval = An administrator approves each
settings-resets-self-service = The link is mailed at once
settings-resets-off = Nobody can ask
settings-roles = Roles
settings-built-in = built in
settings-no-permission = may be there
settings-role-name = Name of { $role }
settings-role-save = Save { $role }
delete = Delete
delete-one = Delete { $name }
settings-role-make = Make a role
settings-role-key = Key for programs
settings-role-may = What its members may do
settings-role-submit = Make the role
settings-delete = It is hidden at once and erased after 30 days; until then an administrator of the platform can bring it back.
delete-confirm = Type { $slug } to delete it
settings-delete-submit = Delete for good

## Webhooks

webhooks-intro = What happens here is posted to your endpoints as signed JSON, by the { $standard } specification.
webhooks-add = Add an endpoint
url = URL
description = Description (optional)
webhooks-submit = Add the endpoint
webhooks-secret = Its secret is shown next, this once.
webhooks-endpoint = Endpoint
webhooks-last = Last delivery
webhooks-all-kinds = all
webhooks-nothing = nothing yet
webhooks-none = No endpoints yet.
webhooks-which = Which events
webhooks-none-ticked = None ticked: all of them.
webhooks-single = Single kinds
webhooks-gone = it answered 410 Gone
webhooks-failing = every attempt of five days failed
webhook-title = Webhook
webhook-all = All webhooks
webhook-rotated = This is its secret from here on; the one before it signs as well for 24 hours.
webhook-made = The endpoint is there.
webhook-keep = Keep the secret, which is shown this once:
webhook-made-at = made { $when }
webhook-kinds = Events: { $kinds }
webhook-disable = Disable
webhook-enable = Enable
webhook-rotate = Make another secret
webhook-delete = Delete it, and what waits for it
webhook-change = Change URL, description and events
webhook-deliveries = Deliveries
webhook-event = Event
webhook-answer = Answer
webhook-event-gone = an event that is gone
webhook-again = Post again
webhook-again-one = Post { $kind } of { $when } again
webhook-nothing = Nothing was posted yet. Deliveries of the last 30 days stand here.

## The platform

platform-tenants = Tenants
platform-users = Users
platform-health = Health
platform-settings = Settings
platform-title = Tenants of the platform
platform-count = { $n ->
    [one] { $n } tenant
   *[other] { $n } tenants
}
platform-make = Make a tenant
platform-owner = Address of its owner (optional)
platform-owner-help = Is invited; without one you own it.
platform-submit = Make the tenant
platform-search = Part of a name
platform-made = Made
suspend-one = Suspend { $name }
reinstate-one = Reinstate { $name }
users-title = Users of the platform
users-count = { $n ->
    [one] { $n } user
   *[other] { $n } users
}
users-admins = Administrators only
users-last = Last sign-in
users-admin = administrator
none = none
users-since = since { $date }
users-end = End the sessions of { $name }
users-end-own = End your own sessions, this one too
users-end-all = End every session of { $name }
options-title = Settings of the platform
options-of = settings of this process
options-intro = They are set by variables or flags where the service runs. Secrets are not shown.
options-set = set
options-hidden = hidden
options-default = default { $value }

## Health of the platform

health-title = Health of the platform
health-version = version { $version }
health-held = All mail is held back: { $reason }.
health-resting = The mail server could not be used; it is tried again after { $when }.
health-pending = Migrations are pending: { $names }.
health-queued = Mails queued
health-oldest = the oldest since { $when }
health-retrying = Mails retrying
health-failed = Mails failed
health-service = Service
health-since = Running since
health-database = Database
health-migrations = Migrations
health-applied = { $n } applied
health-passwords = Mails about passwords that are not sent
health-jobs = Jobs
health-job = Job
health-success = Last success
health-failure = Last failure
health-every-hours = every { $n } h
health-every-minutes = every { $n } min
health-every-seconds = every { $n } s
health-late = late
health-fine = fine
health-not-yet = not yet
health-no-worker = No worker was heard of yet. { $command } holds one, unless it was told not to.
