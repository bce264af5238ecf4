//! What users get of spans that frameworks and bridges write ambiguously, twice, elsewhere or not at all.
//!
//! Frameworks are stood in for by spans with their targets, names, declared fields and order of recording; whole recordings of real
//! runs are judged in the binary `replay`.
//!
//! | case | what is broken | test |
//! |---|---|---|
//! | 1 | a run and its model's calls have one name | `runs::a_span_with_the_name_chat_is_a_run_or_a_model_call_by_its_target` |
//! | 2 | no agent's span inside a span of the host's | `runs::a_run_inside_a_request_gets_an_agent_between_the_request_and_its_calls`, `runs::a_call_that_only_inherits_an_agents_name_gets_no_agent_of_its_own` |
//! | 3 | an agent as another one's tool | `runs::an_agent_that_is_another_ones_tool_runs_below_that_tool` |
//! | 4 | one prompt is several traces | `runs::the_pieces_of_a_torn_run_keep_what_ties_them_together`, `runs::a_torn_run_is_one_trace_under_either_name_of_rigs_library` |
//! | 5 | a failed call says nothing | `failures::a_model_call_that_ends_without_an_answer_has_failed_where_its_framework_would_record_one` |
//! | 6 | counts come twice | `values::a_count_that_is_recorded_twice_counts_once` |
//! | 7 | an empty text, then the text | `values::an_empty_text_neither_stands_for_an_answer_nor_erases_one` |
//! | 8 | the span's name is empty | `naming::a_span_with_an_empty_name_is_called_by_its_otel_name_or_its_kind` |
//! | 9 | the name comes late | `naming::a_name_that_is_recorded_late_is_the_spans_name` |
//! | 10 | an error is only an event, or only a field | `failures::an_error_that_is_only_a_field_or_only_an_event_fails_its_span` |
//! | 11 | `CHAIN` and `invoke_agent` on one span | `naming::a_chain_that_invokes_an_agent_is_an_agent` |
//! | 12 | the operation `chat` on an agent | `naming::a_run_with_the_operation_chat_is_an_agent_once_its_own_kind_says_so` |
//! | 13 | values in `Debug`'s quotes and `Some(…)` | `values::values_that_debug_has_wrapped_are_what_they_wrap` |
//! | 14 | JSON is cut, with a suffix | `values::a_request_that_was_cut_is_read_up_to_the_cut_and_kept_as_it_is` |
//! | 15 | content is at `DEBUG` and `TRACE` alone | `filters::content_at_debug_is_there_by_default_and_content_at_trace_on_request` |
//! | 16 | filters swallow edges | `runs::a_filter_takes_edges_to_closed_spans_away_and_nothing_else` |
//! | 17 | spans are never entered | `lifetimes::a_span_that_nobody_enters_is_stored_like_any_other` |
//! | 18 | spans are entered on many threads | `lifetimes::a_run_that_many_threads_enter_is_one_run_with_all_its_calls` |
//! | 19 | a span is open for days | `boundaries::two_requests_on_one_connection_are_two_traces_that_are_there_while_it_lives`, `boundaries::codexs_turns_are_traces_of_their_own` |
//! | 20 | a stream is dropped | `failures::a_stream_that_was_dropped_has_what_came_before_and_nothing_made_up`, `failures::a_call_with_counts_and_without_its_answer_is_neither_failed_nor_cancelled` |
//! | 21 | attributes are on OpenTelemetry's span alone | `bridges::what_is_only_set_on_opentelemetrys_span_comes_over_the_bridge_and_its_kind_without` |
//! | 22 | a bridge repeats keys | `bridges::of_a_key_that_comes_twice_the_last_value_counts_and_both_are_kept` |
//! | 23 | codex counts twice, and calls a turn a conversation | `tokens::codexs_tokens_count_once_and_are_there_without_trace_spans`, `sessions::codexs_turns_are_conversations_of_the_session_that_its_thread_is` |
//! | 24 | system instructions are text, or JSON | `values::system_instructions_are_the_first_message_as_text_and_as_json` |
//! | 25 | a tool's result is no JSON, and the user's word | `values::a_tools_result_is_any_text_and_is_not_taken_for_the_users_words` |
//! | 26 | an agent's span closes before its work | `runs::a_marker_that_closes_before_the_work_begins_takes_no_calls_from_the_run` |
//! | 27 | results are told on the parent | `failures::results_and_failures_that_are_told_on_the_parent_are_the_tools` |
//! | 28 | a filter for `INFO` | `filters::a_global_info_filter_takes_content_and_no_span_and_a_layers_own_filter_takes_nothing`, `filters::an_info_filter_costs_rig_nothing`, `filters::content_that_a_global_filter_hides_is_told_of_once_for_each_framework`, `filters::a_filter_that_hides_one_framework_alone_is_told_of_with_that` |
//! | 29 | sums over all that is recorded | `tokens::a_run_has_the_tokens_that_its_model_counted_however_often_they_are_recorded` |
//! | 30 | a call is only an event, told twice | `told_calls::a_codex_turn_has_its_calls_and_tools_though_only_events_tell_them`, `told_calls::a_codex_turn_with_all_its_spans_has_each_call_once`, `told_calls::codexs_tokens_count_once_wherever_they_are_told`, `told_calls::what_two_targets_tell_is_one_call_and_each_alone_is_one_too`, `told_calls::a_call_that_has_a_span_gets_no_other_and_has_what_is_told`, `told_calls::a_call_around_the_event_has_the_tokens` |
//! | 31 | a framework's events are in the host's span | `told_calls::events_of_a_known_framework_are_understood_in_anybodys_span`, `told_calls::a_prompt_in_the_turn_is_its_input` |
//! | 32 | a program's own telemetry is events | `told_calls::a_programs_own_telemetry_events_are_calls_by_a_profile_of_its_own`, `told_calls::without_a_profile_telemetry_events_stay_events` |
//!
//! What users of other tools report, where this crate has an answer today:
//!
//! | what is reported | test |
//! |---|---|
//! | a refused tool has no result | `failures::the_reason_why_a_tools_call_was_refused_is_its_result` |
//! | an agent's tokens are added to its calls' | `tokens::what_an_agent_reports_of_its_calls_is_shown_on_it_and_not_added`, `tokens::a_call_that_two_instrumentations_record_counts_once` |
//! | an agent has its last call's tokens, or the only ones | `tokens::an_agent_that_reports_its_last_call_alone_has_the_tokens_of_all`, `tokens::a_run_whose_calls_report_nothing_counts_by_itself` |
//! | cached tokens in the input, or beside it | `tokens::cached_tokens_that_were_left_out_of_the_input_are_in_it`, `tokens::cached_tokens_that_are_in_the_input_are_not_added_to_it`, `tokens::the_two_ways_in_which_rig_counts_claudes_cached_tokens_give_one_count` |
//! | more than 128 attributes | `content::what_comes_after_hundreds_of_attributes_is_there`, `bridges::attributes_that_the_sdk_dropped_are_counted` |
//! | session, conversation or user | `sessions::session_conversation_and_user_stay_apart_and_reach_every_span_below` |
//! | content in events is not seen | `content::messages_that_are_told_as_events_are_the_calls_messages`, `content::messages_in_one_event_of_details_are_the_calls_messages` |
//! | agents that lose their trace | `sessions::runs_that_lost_their_trace_are_together_in_their_session`, `sessions::a_remote_agent_stands_in_the_trace_of_its_caller` |
//! | an unknown model costs 0 | `cost::a_call_without_a_known_price_is_unpriced_everywhere_and_0_nowhere`, `cost::a_reported_0_is_a_price_and_unpriced_calls_leave_the_known_cost_as_it_is` |
//! | cost of tools, and whose word counts | `cost::a_tool_that_costs_money_adds_to_what_its_run_costs`, `cost::of_two_costs_on_one_call_the_providers_counts_and_says_so` |
//! | cost of each user | `cost::cost_and_tokens_are_summed_for_each_user_though_only_the_run_names_them` |
//! | a tool's failure is its result | `failures::a_tool_whose_result_says_that_it_failed_has_failed_although_the_call_went_well`, `failures::a_failed_result_that_is_told_on_the_parent_is_the_tools` |
//! | a tool that was asked for has no span | `tools::an_unknown_tool_is_answered_without_a_span_and_one_that_nobody_approved_is_not_executed`, `tools::a_loop_of_the_programs_own_executes_its_tools_without_spans` |
//! | an agent's own sums are not its calls' | `tokens::a_run_that_reports_other_sums_than_its_calls_has_both` |
//! | conventions change and contradict each other | `content::where_conventions_disagree_the_current_name_counts_and_all_are_kept`, `content::old_names_mean_what_the_new_ones_mean` |

mod boundaries;
#[cfg(feature = "opentelemetry")]
mod bridges;
mod codex;
mod content;
mod cost;
mod failures;
mod filters;
mod frameworks;
mod lifetimes;
mod naming;
mod runs;
mod sessions;
mod support;
mod tokens;
mod told_calls;
mod tools;
mod values;
