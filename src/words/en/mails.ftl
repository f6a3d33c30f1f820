### What mails say. Each has a text and an HTML part, which share most messages.
### Text only: markup is escaped where it is shown. A value such as { $name } is put in as it is; a translation may leave it out
### or move it.

## Every mail

# Who mails of a tenant come from, and mails of none.
mail-from-tenant = { $tenant } via Guestlist
mail-from = Guestlist
# A point in time, such as "Thursday, 8 January 1970 at 00:00 UTC".
moment = { $weekday ->
    [monday] Monday
    [tuesday] Tuesday
    [wednesday] Wednesday
    [thursday] Thursday
    [friday] Friday
    [saturday] Saturday
   *[sunday] Sunday
}, { $day } { $month ->
    [january] January
    [february] February
    [march] March
    [april] April
    [may] May
    [june] June
    [july] July
    [august] August
    [september] September
    [october] October
    [november] November
   *[december] December
} { $year } at { $time } UTC
# What follows goes on with this sentence.
hello = Hello { $name },
mail-button = If the button does not work, open this address:
mail-link = If the link does not work, paste this code where you are asked for it:
mail-code = Or paste this code where you are asked for it:

## An invitation

invitation-subject = You are invited to join { $tenant }
invitation-preview = { $inviter } invited you as { $role }. The invitation ends on { $expires }.
invitation-join = Join { $tenant }
invitation-invited = { $inviter } invited you to join { $tenant } as { $role }.
invitation-see = See the invitation
invitation-here = See the invitation and accept or decline it here:
invitation-made-for = The invitation was made for { $to } and ends on { $expires }.
invitation-unexpected = If you did not expect this, ignore it: nothing happens until you accept.

## An invitation was accepted; to whoever invited

accepted-subject = Your invitation to { $tenant } was accepted
accepted-preview = { $member } is a member of { $tenant }.
accepted-joined = { $member } joined { $tenant }
accepted-as = { $member } ({ $email }) accepted your invitation as { $role }.
accepted-on = Accepted on { $at }.
accepted-text = { $member } ({ $email }) accepted your invitation to { $tenant } as { $role }, on { $at }.
accepted-see = See the members
accepted-here = Who belongs to { $tenant }, and what they may do, stands here:
accepted-unmeant = If that is not whom you meant, suspend or remove them there: it takes effect at once.

## Somebody's reset waits for a decision

requested-subject = A password reset waits for your decision
requested-preview = Make sure that it was really { $requester }, then decide until { $expires }.
requested-title = { $requester } asks for a password reset
requested-asks = { $requester } ({ $email }) asks for a new password.
requested-asks-member = { $requester } ({ $email }) asks for a new password and is a member of { $tenant }, as you are.
requested-on = Asked on { $at }.
requested-on-from = Asked on { $at } from { $ip }.
requested-sure = Make sure that it was really { $requester } who asked: call, or talk in person.
requested-here = Then approve or reject it here:
requested-see = Look at the request
requested-then = If you approve, a link goes to { $email } and to nobody else. Without a decision the request ends on { $expires }.

## A reset was approved

link-subject = Choose a new password
link-preview = The link can be used once, until { $expires }.
link-until = you can choose a new password until { $expires }.
link-here = choose a new password here:
link-once = It can be used once, until { $expires }.
link-signed-out = You will be signed out everywhere.
link-unexpected = If you did not ask for this, do not use the link, and tell your administrator.

## A reset was turned down

rejected-subject = Your password was not reset
rejected-preview = Your request was turned down; your password is what it was.
rejected-text = your request for a new password was turned down; your password is what it was.
rejected-then = If you still need one, speak to your administrator, then ask again.

## A password was changed

changed-subject = Your password was changed
changed-preview = On { $at }. If it was not you, tell your administrator at once.
changed-text = your password was changed on { $at }. Every other session of yours has ended.
changed-then = If it was you, there is nothing to do. If it was not, tell your administrator at once.

## The way to the first administrator

setup-subject = Set up Guestlist
setup-somebody = Somebody with access to the server sent this to { $to }, who is to be the first administrator of this service.
setup-open = Open this page, give yourself a password, and name the first tenant:
setup-button = Set it up
setup-until = The link can be used once, until { $expires }.
setup-unexpected = If you know of no such service, ignore this.

## A mail that proves the settings

test-subject = Guestlist can send mail
test-works = The mail settings work
test-preview = The mail settings work.
test-sent-to = Somebody with access to the server sent this to { $to } to try them out.
test-nothing = There is nothing to do.
