-- A forgotten member is no row any more: whatever reads members finds nobody. What was judged about the member goes too;
-- what was judged about others stays.
create or replace function identity.forget(member text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone bigint;
begin
    perform set_config('interpayer.forgetting', member, true);
    delete from identity.block b using identity.member m where m.member_no = b.member_no and m.member_id = member;
    delete from identity.link l where l.member_id = member;
    delete from identity.judgement j where j.member_id = member or (j.kind = 'person' and j.subject = member);
    update identity.evidence e set detail = null, candidates = '[]' where e.member_id = member;
    update identity.case_ruling r set note = null where r.member_id = member and r.note is not null;
    update identity.review_case c set asked = null, note = null
     where c.member_id = member or member = any (c.candidates);
    -- Keys and coverages go with it; a legal hold refuses here.
    delete from identity.member m where m.member_id = member;
    get diagnostics gone = row_count;
    perform set_config('interpayer.forgetting', '', true);
    return gone;
end $$;
