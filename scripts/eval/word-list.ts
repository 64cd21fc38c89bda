/**
 * 256 common English words: one octet a word, for attacks that hide in words. Written for this project.
 */

export const WORD_LIST: readonly string[] = `
  able about above acid across actor adapt after again agent agree ahead alarm album alert alive
  allow alone along alter amber among angle ankle apart apple april arena argue arise armor array
  arrow aside asset audio avoid awake award aware badge baker basic basin batch beach beard beast
  begin below bench berry birth black blade blank blaze blend block bloom board boost booth bound
  brain brave bread break brick bride brief bring broad brook brown brush build bunch cabin cable
  camel candy cargo carry catch cause chain chair chalk charm chart chase cheap check chess chest
  chief child chill choir chose civil claim clean clear clerk click cliff climb clock close cloth
  cloud coach coast coral couch count cover craft crane cream creek crest crisp cross crowd crown
  curve cycle dairy dance daily debut decay delay delta depth diary digit diner dirty dozen draft
  drain drama dream dress drift drink drive eager eagle early earth elbow elder elect empty enemy
  enjoy enter entry equal error event every exact exist extra fable faith false fancy fault favor
  feast fence ferry fever fiber field fifth fifty fight final first fixed flame flash fleet float
  flood floor flour fluid focus force forge forum found frame fresh front frost fruit giant glass
  globe glory glove grace grade grain grand grant grape graph grass great green greet group grown
  guard guess guest guide habit happy harbor heart heavy hello hobby honey horse hotel house human
  humor ideal image index inner input island ivory jelly jewel joint judge juice knife label labor
`
  .trim()
  .split(/\s+/);
