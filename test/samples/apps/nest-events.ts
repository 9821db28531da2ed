// Nest's @Sse beside the session. The session can be changed until the handler returns its events; the stream ends with
// the session, on whichever server it is ended.
import {
  Controller,
  Get,
  HttpCode,
  Inject,
  Module,
  Post,
  Session as NestSession,
  Sse,
  type DynamicModule,
  type MessageEvent,
} from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import type { Session, SessionOptions } from '@roam/session';
import { SessionModule } from '@roam/session/nest';

const NEWS = Symbol('news');

@Controller()
class NewsController {
  constructor(@Inject(NEWS) private readonly news: Observable<string>) {}

  @Sse('news')
  follow(@NestSession() session: Session): Observable<MessageEvent> {
    session.followed = ((session.followed as number | undefined) ?? 0) + 1;
    return this.news.pipe(map((data) => ({ data })));
  }

  @Get('followed')
  followed(@NestSession() session: Session) {
    return { followed: session.followed ?? 0 };
  }

  @Post('logout')
  @HttpCode(204)
  async logout(@NestSession() session: Session): Promise<void> {
    await session.destroy();
  }
}

@Module({ controllers: [NewsController] })
class NewsModule {}

export function nestEvents(options: SessionOptions, news: Observable<string>): DynamicModule {
  return {
    module: NewsModule,
    imports: [SessionModule.forRoot(options)],
    providers: [{ provide: NEWS, useValue: news }],
  };
}
